"""The service: pictures and masks in, pictures out, over HTTP; and the queue that the page shares with it."""
