"""The command line: ``main`` holds the group, any other module one command, loaded only when it is called."""
