"""How commands are used: kinds of options, files of options, errors as one line, files that may be written."""
