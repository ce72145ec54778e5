"""What people do with a service from a terminal: keys, a chat, many prompts from a file."""
