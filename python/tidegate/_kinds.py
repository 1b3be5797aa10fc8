"""Kinds of applications that are known: what is none of WSGI, and what leaves until the first request what can fail."""

from __future__ import annotations

import inspect
import sys
from typing import Any


class LoadError(Exception):
    """The application cannot be had, for a reason that needs no traceback."""


def refuse_asgi(app: str, application: Any) -> None:
    """An ASGI application (asgi.readthedocs.io) would fail at every request."""
    call = application if inspect.isroutine(application) else getattr(type(application), "__call__", None)
    is_async = inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(call)
    if _takes(application, 3) and (is_async or not _takes(application, 2)):
        raise LoadError(f"{app} is an ASGI application, and WSGI is served here: {_instead(app, application)}")
    if is_async:
        raise LoadError(f"{app} is a coroutine function (async def): a WSGI application returns its response when it is called")


def _takes(application: Any, count: int) -> bool:
    """Whether it can be called with so many arguments, as far as it tells."""
    try:
        inspect.signature(application).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return count == 2  # As with one that is written in C.
    return True


def _instead(app: str, application: Any) -> str:
    packages = {base.__module__.partition(".")[0] for base in type(application).__mro__}
    if "django" in packages:
        module = app.partition(":")[0]
        named = module.replace(".asgi", ".wsgi") if module.endswith(".asgi") else "its wsgi.py"
        return f"Django's WSGI application is in {named}"
    if "quart" in packages:
        return "Flask is Quart's sibling for WSGI"
    if packages & {"fastapi", "starlette", "litestar"}:
        return (
            "a framework for ASGI alone wants a server such as uvicorn or granian, "
            "or a2wsgi.ASGIMiddleware around it, which does without its concurrency"
        )
    return "name the WSGI application, or put an adapter as a2wsgi.ASGIMiddleware around it"


def resolve_django_urls(application: Any) -> None:
    """Has Django import its views: it would do so at the first request, and fail at every one."""
    handlers = sys.modules.get("django.core.handlers.wsgi")
    if handlers is None or not isinstance(_innermost(application), handlers.WSGIHandler):
        return
    from django.conf import settings  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from django.urls import get_resolver  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if getattr(settings, "ROOT_URLCONF", None):
        _resolve(get_resolver())


def _resolve(resolver: Any) -> None:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            _resolve(pattern)


def _innermost(application: Any) -> Any:
    """The application within what is put around it, as WhiteNoise and WSGI middleware are."""
    for _ in range(16):
        inner = next(
            (found for name in ("application", "app", "wsgi_app") if callable(found := getattr(application, name, None))),
            None,
        )
        if inner is None:
            break
        application = inner
    return application
