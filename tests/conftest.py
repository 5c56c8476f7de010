"""What holds for every test."""

import os

# A test's settings are its own: nothing of the shell that started it, least of all a home with real files.
for name in [name for name in os.environ if name.startswith("ICB_")]:
    del os.environ[name]
