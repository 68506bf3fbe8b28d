"""The console as a person at a browser, a script and an attacker see it."""
