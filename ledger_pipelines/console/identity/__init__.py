"""Who one is: Core's tokens and keys, the console's sessions, signing in and out."""
