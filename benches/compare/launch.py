"""Serves an application with a server that has no command for it: `launch.py SERVER FOLDER MODULE:NAME HOST PORT`."""

import importlib
import sys

server, folder, application, host, port = sys.argv[1:]
sys.path.insert(0, folder)
module, _, name = application.partition(":")
importlib.import_module(server).run(getattr(importlib.import_module(module), name), host, int(port))
