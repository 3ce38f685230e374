"""`nnmat serve`: the calculus as a page in the browser."""

import argparse
import sys
import webbrowser
from typing import Any

from ..calculus.serving.server import CalculusServer


def add(added: Any) -> None:
    """The command with its options."""
    parser = added.add_parser("serve", help="the calculus as a page in the browser, on this machine only")
    parser.add_argument("--port", type=int, default=8765, help="0: one that is free (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.set_defaults(work=serve)


def serve(options: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    try:
        server = CalculusServer(options.port)
    except (OSError, OverflowError) as error:
        print(f"nnmat serve: error: port {options.port} cannot be had: {error}. Try --port 0.", file=sys.stderr)
        return 1
    with server:
        print(f"Matrix gradients at {server.address} (Ctrl-C ends it)", flush=True)
        if options.open:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nnnmat serve: stopped.", file=sys.stderr)
    return 0
