"""Django keeps the language, the time zone and the URLs of a request in its thread."""

from support.readers import read_together

APPLICATION = """
import sys
import types

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret: this project is for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[__name__ + ".choose_urls"],
    USE_I18N=True,
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import get_urlconf, path, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from zoneinfo import ZoneInfo


def choose_urls(get_response):
    def middleware(request):
        if request.GET:
            request.urlconf = "urls_of_" + request.GET["language"]
        return get_response(request)

    return middleware


def activate(request):
    translation.activate(request.GET["language"])
    timezone.activate(ZoneInfo(request.GET["zone"]))


def state(number):
    words = translation.get_language(), gettext("Monday"), timezone.get_current_timezone_name(), reverse("here")
    return " ".join(words) + f" {number} "


def stream(request):
    activate(request)
    return StreamingHttpResponse(state(number).ljust(16_384, ".") for number in range(96))


def short(request):
    activate(request)
    return HttpResponse(state(0))


urlpatterns = []
for language in ("de", "fr", "it"):
    module = types.ModuleType("urls_of_" + language)
    module.urlpatterns = [path("stream", stream), path("short", short), path("in/" + language, short, name="here")]
    sys.modules[module.__name__] = module

application = get_wsgi_application()
"""
QUERIES = {
    "de": ("Montag", "Europe/Berlin"),
    "fr": ("lundi", "America/Cayenne"),
    "it": ("Luned\u00ec", "Europe/Rome"),
}


def target(path, language):
    """The URL that asks for this language, and the zone that belongs to it."""
    return f"/{path}?language={language}&zone={QUERIES[language][1]}"


def state(language, number):
    """What the application tells of it."""
    monday, zone = QUERIES[language]
    return f"{language} {monday} {zone} /in/{language} {number} "


def begin(client, language):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("GET", target("stream", language))
    asked.read_until(state(language, 0).encode())
    return asked


def test_the_language_the_zone_and_the_urls_are_of_the_request(threaded):
    """In each chunk of two streams that are read slowly, and in the requests beside them."""
    client = threaded(APPLICATION)
    slow = [begin(client, "de"), begin(client, "fr")]
    fast = [client.send("GET", target("short", "it")) for _ in range(6)]
    responses = read_together(slow, fast)
    assert all(response.is_complete for response in responses), responses
    for response, language in zip(responses, ["de", "fr"]):
        chunks = [state(language, number).ljust(16_384, ".") for number in range(96)]
        assert response.body.decode() == "".join(chunks)
    assert [response.body.decode() for response in responses[2:]] == [state("it", 0)] * 6
