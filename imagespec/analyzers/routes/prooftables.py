"""Names that the proof of a request handler knows; see `proofs`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from imagespec.analyzers.python.values import Class

PLAIN_BASES = {"builtins.object", "abc.ABC", "typing.Protocol", "typing.Generic"}
RECORDS = {"pydantic.BaseModel", "pydantic.main.BaseModel"}

LATER = ("Thread", "Timer", "Process", "add_task", "create_task", "call_on_close", "ensure_future")
"""What calls the functions that it is given beside the answer."""
HARMLESS = (
    "logging.", "time.", "datetime.", "random.random", "random.uniform", "random.randint", "platform.", "uuid.uuid", "copy.",
    "threading.Thread", "threading.Timer", "threading.Lock", "threading.RLock", "threading.current_thread", "threading.get_",
    "threading.active", "threading.enumerate", "sys.", "traceback.", "warnings.warn", "contextlib.suppress", "contextlib.nullcontext",
    "io.StringIO", "io.BytesIO", "asyncio.sleep", "asyncio.Lock", "asyncio.get_", "asyncio.create_task", "asyncio.gather",
    "asyncio.to_thread", "asyncio.current_task", "gc.", "collections.", "functools.partial", "os.getpid", "os.getloadavg",
    "os.uname", "os.cpu_count", "os.times", "socket.gethostname", "http.HTTPStatus", "html.escape", "string.", "hashlib.",
    "secrets.", "typing.cast", "dataclasses.asdict", "base64.b64encode", "os.environ.copy", "os.environ.items", "os.environ.keys",
    "concurrent.futures.", "resource.getrusage", "math.floor", "math.ceil", "math.isfinite", "math.isnan", "pprint.", "queue.Queue",
    "inspect.currentframe", "importlib.metadata.packages_distributions", "builtins.super", "builtins.object", "builtins.dir",
    "builtins.bytes", "builtins.slice", "builtins.locals", "builtins.globals", "builtins.ValueError", "builtins.Exception",
)  # fmt: skip
"""Beginnings of names of the standard library's functions that are not known to raise in a handler."""
STRICT = (
    "strptime", "fromisoformat", "fromtimestamp", ".date", ".datetime", "setrecursionlimit", ".exit", ".replace", ".mktime",
    "time.sleep", ".get().get", "wait", ".join", "Queue().get", "acquire", "gethostbyname",
)  # fmt: skip
"""Ends of such names that raise after all, or wait."""
RAISING_PATHS = {
    "os.path.getsize",
    "os.path.getmtime",
    "os.path.getctime",
    "os.path.samefile",
    "os.path.commonpath",
    "os.path.getatime",
}

FRAMEWORKS = (
    "flask.",
    "quart.",
    "fastapi.",
    "starlette.",
    "sanic.",
    "aiohttp.",
    "falcon.",
    "django.",
    "rest_framework.",
)
ENCODERS: Mapping[str, str] = {
    "jsonify": "flask",
    "JSONResponse": "finite",
    "JsonResponse": "django",
    "json_response": "plain",
    "json": "plain",
}
"""What makes an answer of data, and how it is encoded."""
CONVERTING = ("django.", "rest_framework.", "flask.make_response")
"""What makes a text of whatever it is given, or judges it elsewhere."""
BODY: Mapping[str, str] = {"Response": "response"}
"""The name of the first argument of what makes an answer, where it is not ``content``."""
REQUESTS = ("flask.request.", "quart.request.", "request.", "bottle.request.")
GETTERS = (
    ".args.get", ".form.get", ".values.get", ".headers.get", ".cookies.get", ".files.get", ".query_params.get", ".path_params.get",
    ".query.get", ".forms.get", ".params.get", ".match_info.get", ".GET.get", ".POST.get", ".META.get",
)  # fmt: skip
FAILING = (
    "requests.", "httpx.", "redis.", "pymongo.", "psycopg2.", "pymysql.", "sqlalchemy.", "boto3.", "yaml.safe_load", "yaml.load",
    "werkzeug.exceptions.", "fastapi.HTTPException", "starlette.exceptions.", "flask.url_for", "flask.flash", "flask.abort",
    "flask.render_template", "orjson.loads", "ujson.loads", "numpy.load", "joblib.load", "torch.load", "flask.after_this_request", "bottle.template", "bottle.view",
    "fastapi.responses.ORJSONResponse", "fastapi.responses.UJSONResponse", "quart.render_template", "flask.stream_template",
    "pickle.load", "dill.load", "cloudpickle.load",
)  # fmt: skip
"""Beginnings of names of libraries' functions that ask another server, read a file, or raise to refuse a request."""
FAILING_LAST = (
    ".get_param_as_int",
    ".get_media",
    ".run_until_complete",
    "json_decode",
    ".form().get()",
    ".raise_for_status",
    ".model_validate",
    ".parse_obj",
    ".model_validate_json",
    ".parse_raw",
)
_ANSWER = re.compile(
    r"(?:flask|quart|werkzeug|fastapi|starlette|sanic|aiohttp|falcon|django|bottle|rest_framework)[.].*"
    r"(?:Response|make_response|response_class|redirect|text|html|raw|empty|send_file|send_from_directory|render_template"
    r"|render_template_string|static_file|template|file|HttpResponse\w*|HTTPOk)\Z"
)


def is_answer(name: str) -> bool:
    """Tell whether a function of a framework gives an answer."""
    return _ANSWER.match(name) is not None


def fields_without_default(cls: Class) -> set[str]:
    """Return the fields of a pydantic model that have no default."""
    return {
        node.target.id
        for one in cls.lineage()
        for node in one.node.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is None
    } - {name for one in cls.lineage() for name in one.scope.names}
