"""The command line: `main` holds the group, every other module one command, loaded only when it is called."""
