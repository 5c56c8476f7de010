"""Several apps in one test process: Dash keeps the pages of whichever was made last, for all of them."""

from collections.abc import Callable, Iterable
from typing import Any

import dash
from dash import Dash

_last: list[Dash] = []


def keep_pages(app: Dash) -> Dash:
    """The app, finding its own pages whatever app is made later. Call it when all of them are registered."""
    own, answer = dict(dash.page_registry), app.server.wsgi_app

    def with_own_pages(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _last != [app]:
            dash.page_registry.clear()
            dash.page_registry.update(own)
            _last[:] = [app]
        return answer(environ, start_response)

    app.server.wsgi_app = with_own_pages  # type: ignore[method-assign]
    _last[:] = [app]
    return app
