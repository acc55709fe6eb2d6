"""
What a Spring Boot application answers: its controllers' mappings, static files and the actuator.

Sources: Spring Framework 5.3 and 6.1, "Annotated Controllers"; Spring Boot 2.7 and 3.2, "Actuator"; as observed.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from imagespec.analyzers.java.classfile import ABSTRACT, ANNOTATION, BRIDGE, Annotation, ClassFile, Method
from imagespec.analyzers.java.settings import UnknownSettingError
from imagespec.analyzers.java.springapp import SpringApp, base_packages
from imagespec.analyzers.routes.routing import Caveat, Route, RouteTable
from imagespec.analyzers.routes.springhandlers import handler_caveats
from imagespec.analyzers.routes.springpaths import join, tokens_of
from imagespec.analyzers.routes.tokens import Token, Tokens
from imagespec.analyzers.servers.listening import Listener
from imagespec.analyzers.servers.spring import is_reactive, unknown_configurations
from imagespec.verdict import Evidence

_WEB = "org.springframework.web.bind.annotation."
_MAPPINGS = {
    _WEB + "GetMapping": {"GET", "HEAD", "OPTIONS"},
    **{_WEB + f"{verb.title()}Mapping": {verb, "OPTIONS"} for verb in ("POST", "PUT", "DELETE", "PATCH")},
    _WEB + "RequestMapping": {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"},
}
_REST, _BODY = _WEB + "RestController", _WEB + "ResponseBody"
_STEREOTYPES = {_REST, "org.springframework.stereotype.Controller"}
# In constant pools of the application's classes: what may refuse requests, or change where they come to.
_FILTERS = (
    "servlet/Filter", "FilterBean", "OncePerRequestFilter", "web/server/WebFilter", "HandlerInterceptor", "PathMatchConfigurer",
    "configurePathMatch", "FilterRegistration", "aspectj/lang/annotation", "WebMvcRegistrations", "MvcConfigurationSupport",
    "RequestMappingHandler", "ServletRegistration", "DispatcherServlet", "catalina/Valve",
)  # fmt: skip
# What may answer further requests.
_MORE = (
    "RouterFunction", "servlet/http/HttpServlet\n", "annotation/WebServlet", "ServletComponentScan", "HandlerMapping", "ViewControllerRegistry",
    "ResourceHandlerRegistry", "boot/actuate/endpoint/annotation", "WebSocketConfigurer", "service/annotation/HttpExchange",
)  # fmt: skip
_HARMLESS_MVC = (
    "spring.mvc.format",
    "spring.mvc.log",
    "spring.mvc.view",
    "spring.mvc.async",
    "spring.mvc.problemdetails",
)
_STATIC = ("static/", "public/", "resources/", "META-INF/resources/")
_HARMLESS_MANAGEMENT = (
    "management.endpoint.health.show", "management.endpoints.web.exposure.include", "management.metrics",
    "management.tracing", "management.info",
)  # fmt: skip


def spring_routes(listener: Listener) -> RouteTable:
    """Return the routing table of the application that a listener serves."""
    app = listener.spring
    assert app is not None
    place = listener.evidence[-1]
    reader = _Reader(app, place)
    gaps = [attrs.evolve(place, message=item) for item in reader.gaps()]
    filters = [attrs.evolve(place, message=item) for item in reader.filters()]
    try:
        prefix = reader.prefix()
    except UnknownSettingError as error:
        return RouteTable(gaps=(attrs.evolve(place, message=f"its context path: {error}"),), source=(place,))
    routes = [*reader.controllers(), *reader.static_files(), *reader.actuator()]
    return RouteTable(
        routes=tuple(_below(prefix, route) for route in routes),
        gaps=tuple(gaps),
        filters=tuple(filters),
        source=(place,),
    )


def _below(prefix: str, route: Route) -> Route:
    tokens = None if route.tokens is None else (Token("literal", prefix), *route.tokens)
    return attrs.evolve(route, pattern=prefix + route.pattern, tokens=tokens)


@attrs.frozen
class _Reader:
    app: SpringApp
    place: Evidence

    def prefix(self) -> str:
        """Return the path that all routes lie below; raises UnknownSettingError."""
        settings = self.app.settings
        if is_reactive(self.app):
            return (settings.get("spring.webflux.base-path") or "").rstrip("/")
        parts = (settings.get("server.servlet.context-path"), settings.get("spring.mvc.servlet.path"))
        paths = [(part or "").strip().rstrip("/") for part in parts]
        if any(path and not path.startswith("/") for path in paths):
            raise UnknownSettingError("a path without a slash before it")
        return "".join(paths)

    def gaps(self) -> Iterator[str]:
        """Yield what may answer requests as well."""
        yield from unknown_configurations(self.app)
        named = self.app.names(*_MORE)
        if named:
            yield f"{named} may add routes that are not followed"
        for one in self.app.classes:
            kinds = {item.name for item in one.annotations}
            if one.access & ANNOTATION and any(name.startswith("org.springframework.") for name in kinds):
                yield f"the annotation {one.name} stands for annotations of Spring"
        for one in self.app.classes:
            if _is_controller(one) and self._inherits(one):
                yield f"{one.name} inherits methods that may have mappings"
        if any(name.startswith("templates/index") for name in self.app.members):
            yield "a template may be the page of /"
        for library, mark in sorted(self.app.marks):
            if library.startswith(("springdoc", "springfox")):
                yield f"{library} has routes of its own"
            elif mark == b"META-INF/resources/" and library != "spring-boot-actuator-autoconfigure":
                yield f"{library} has static files"

    def _inherits(self, one: ClassFile) -> bool:
        """Tell whether a controller may have mappings of a parent or an interface."""
        own = {item.name: item for item in self.app.classes}
        for name in (one.parent, *one.interfaces):
            if name in own:
                parent = own[name]
                marked = [
                    *parent.annotations,
                    *(item for method in parent.methods for item in method.annotations),
                ]
                if parent.parent != "java.lang.Object" or any(item.name in _MAPPINGS for item in marked):
                    return True
            elif not name.startswith("java."):
                return True
        return False

    def filters(self) -> Iterator[str]:
        """Yield what may refuse requests or change their paths."""
        security = next(
            (name for name in sorted(self.app.libraries) if name.startswith("spring-security")), None
        )
        if security:
            yield f"{security} may refuse requests"
        named = self.app.names(*_FILTERS)
        if named:
            yield f"{named} may refuse requests or change their paths"
        for name in self.app.settings.below("spring.mvc."):
            if not name.replace("_", ".").lower().startswith((*_HARMLESS_MVC, "spring.mvc.servlet.path")):
                yield f"the setting {name} may change which paths are matched"
        yield from unknown_configurations(self.app)

    def controllers(self) -> Iterator[Route]:
        """Yield the routes of all controllers."""
        bases = self._packages()
        for one in self.app.classes:
            mapped = [
                method for method in one.methods if any(item.name in _MAPPINGS for item in method.annotations)
            ]
            if not mapped or one.access & ABSTRACT:
                continue
            inside = bases is not None and any((one.name + ".").startswith(base + ".") for base in bases)
            plain = all(not _is_conditional(item) for item in one.annotations)
            certain = _is_controller(one) and inside and plain
            for method in mapped:
                if not method.access & BRIDGE:
                    yield from self._method(one, method, certain=certain)

    def _packages(self) -> tuple[str, ...] | None:
        """Return the packages that are searched for controllers; None where that is not known."""
        scans = self.app.names("annotation/ComponentScan", "annotation/FilterType", "BeanNameGenerator")
        return None if scans else base_packages(self.app.start)

    def _method(self, one: ClassFile, method: Method, *, certain: bool) -> Iterator[Route]:
        above = [item for item in one.annotations if item.name in _MAPPINGS]
        (mapping, *more) = [item for item in method.annotations if item.name in _MAPPINGS]
        entity = method.descriptor.endswith(")Lorg/springframework/http/ResponseEntity;")
        rest = entity or any(item.name in {_REST, _BODY} for item in (*one.annotations, *method.annotations))
        methods = set(_MAPPINGS[mapping.name])
        for item in (*above, mapping):
            named = set(item.texts("method"))
            methods &= (named | {"OPTIONS"} | ({"HEAD"} if "GET" in named else set())) if named else methods
        narrowed = [key for item in (*above, mapping) for key in ("params", "headers") if key in item.values]
        sure = certain and not narrowed and not more and not any(map(_is_conditional, method.annotations))
        message = f"{one.name}.{method.name} is mapped to "
        for prefix in _paths(above[0] if above else None):
            for path in _paths(mapping):
                pattern = self._filled(join(prefix, path))
                for tokens in self._tokens(pattern):
                    shown = pattern if pattern is not None else path
                    yield Route(
                        pattern=shown,
                        tokens=tokens,
                        methods=frozenset(methods),
                        evidence=attrs.evolve(self.place, message=message + (shown or "/")),
                        certain=sure,
                        served=True if rest else None,
                        either_slash=self.app.version < (3, 0) and not shown.endswith("/"),
                        caveats=tuple(self._caveats(one, method, (*above, mapping))),
                    )

    def _tokens(self, pattern: str | None) -> list[Tokens | None]:
        if pattern is None or ("{*" in pattern and self.app.version < (2, 6)):  # AntPathMatcher
            return [None]
        return tokens_of(pattern)

    def _filled(self, pattern: str) -> str | None:
        try:
            return self.app.settings.filled(pattern)
        except UnknownSettingError:
            return None

    def _caveats(self, one: ClassFile, method: Method, mappings: tuple[Annotation, ...]) -> Iterator[Caveat]:
        for message, always in handler_caveats(one, method, mappings):
            yield Caveat(
                attrs.evolve(self.place, message=f"{one.name}.{method.name}: {message}"), always=always
            )

    def static_files(self) -> Iterator[Route]:
        """Yield the files of its own that are answered to GET; where settings say something of them, none is certain."""
        sure = not self.app.settings.below("spring.web.resources") and not self.app.settings.below(
            "spring.mvc.static"
        )
        for member in sorted(self.app.members):
            folder = next((name for name in _STATIC if member.startswith(name)), None)
            if folder is None or member.endswith("/"):
                continue
            path = "/" + member.removeprefix(folder)
            for shown in (path, "/") if path == "/index.html" else (path,):
                yield self._get(shown, f"{member} is a static file", served=True if sure else None)

    def actuator(self) -> Iterator[Route]:
        """Yield the routes of Spring Boot's actuator: health is open by default."""
        if "spring-boot-actuator-autoconfigure" not in self.app.libraries:
            return
        names = [name.replace("_", ".").lower() for name in self.app.settings.below("management.")]
        plain = all(name.startswith(_HARMLESS_MANAGEMENT) for name in names)
        indicators = self.app.names("HealthIndicator", "HealthContributor")
        sure = plain and not indicators and self._exposes_health()
        if plain:
            for path in ("/actuator/health", "/actuator"):
                yield self._get(path, f"{path} is of Spring Boot's actuator", served=True if sure else None)
        tokens = (Token("rest"),) if not plain else (Token("literal", "/actuator/"), Token("rest"))
        yield Route(
            pattern="/**" if not plain else "/actuator/**",
            tokens=tokens,
            methods=None,
            evidence=attrs.evolve(self.place, message="Spring Boot's actuator may answer here"),
            served=None,
        )

    def _exposes_health(self) -> bool:
        try:
            value = self.app.settings.get("management.endpoints.web.exposure.include")
        except UnknownSettingError:
            return False
        return value is None or bool({"*", "health"} & {item.strip() for item in value.split(",")})

    def _get(self, path: str, message: str, *, served: bool | None) -> Route:
        return Route(
            pattern=path,
            tokens=(Token("literal", path),),
            methods=frozenset({"GET", "HEAD"}),
            evidence=attrs.evolve(self.place, message=message),
            served=served,
            either_slash=self.app.version < (3, 0) and path.startswith("/actuator"),
        )


def _is_controller(one: ClassFile) -> bool:
    return any(item.name in _STEREOTYPES for item in one.annotations)


def _is_conditional(item: Annotation) -> bool:
    """Tell whether an annotation makes a bean depend on something."""
    return "Conditional" in item.name or item.name.endswith((".Profile", ".RefreshScope"))


def _paths(mapping: Annotation | None) -> tuple[str, ...]:
    return (mapping.texts("value", "path") if mapping is not None else ()) or ("",)
