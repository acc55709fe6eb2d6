"""
Calls that come back only when another server has answered, and raise where it does not: databases, brokers, downloads.

Whether the other server is there when the container starts cannot be told from the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagespec.analyzers.python.evaluator import Arguments, Callee, Evaluator, Model
from imagespec.analyzers.python.values import Call, Const, Member, Value, called_name, text_of

# Functions and classes that connect at once, and methods of clients that connect when they are first used, by the
# libraries' own references (redis 5, psycopg 3, pymongo 4, pika 1, kafka-python 2, requests 2, SQLAlchemy 2).
_CONNECTING = (
    "psycopg2.connect",
    "psycopg.connect",
    "pymysql.connect",
    "pymysql.Connect",
    "MySQLdb.connect",
    "mysql.connector.connect",
    "cx_Oracle.connect",
    "oracledb.connect",
    "pymssql.connect",
    "asyncpg.connect",
    "asyncpg.create_pool",
    "aiomysql.connect",
    "aiomysql.create_pool",
    "aioredis.create_redis_pool",
    "aio_pika.connect",
    "aio_pika.connect_robust",
    "aiokafka.AIOKafkaConsumer().start",
    "aiokafka.AIOKafkaProducer().start",
    "pika.BlockingConnection",
    "kafka.KafkaConsumer",
    "kafka.KafkaProducer",
    "urllib.request.urlopen",
    "urllib.request.urlretrieve",
    *(
        f"{module}.{verb}"
        for module in ("requests", "httpx")
        for verb in ("get", "post", "put", "head", "request")
    ),
    "pymongo.MongoClient().server_info",
    "pymongo.MongoClient().list_database_names",
    "pymongo.MongoClient().admin.command",
)
_REDIS = ("redis.Redis()", "redis.StrictRedis()", "redis.from_url()", "redis.Redis.from_url()", "redis.StrictRedis.from_url()", "redis.asyncio.Redis()", "redis.asyncio.from_url()")  # fmt: skip
_COMMANDS = "ping get set setex setnx hget hset hgetall exists keys delete info incr expire publish flushdb flushall".split()  # noqa: SIM905
_TABLES = ("sqlalchemy.orm.declarative_base()", "sqlalchemy.ext.declarative.declarative_base()")


def _connects(run: Evaluator, callee: Callee, _given: Arguments) -> Value | None:
    if not run.thread:
        name = called_name(callee)
        kind = "OSError" if name.startswith("urllib.") else "an exception of the library's"
        run.refuse(kind, f"{name} asks another server, which may not answer")
    return None


def _creates(run: Evaluator, callee: Callee, given: Arguments) -> Value | None:
    """Follow what is done with an engine of SQLAlchemy or databases: SQLite is a file, all others are servers."""
    engine = callee.owner if isinstance(callee, Member) and callee.attribute in _OF_ENGINES else None
    engine = engine or given.get(0, "bind")
    if isinstance(engine, Call) and engine.name in _ENGINES:
        url = engine.argument(0, "url")
        if not (isinstance(url, Const) and (text_of(url) or "").startswith("sqlite")):
            return _connects(run, callee, given)
    return None


_ENGINES = (
    "databases.Database",
    "sqlalchemy.create_engine",
    "sqlalchemy.engine.create_engine",
    "sqlalchemy.ext.asyncio.create_async_engine",
)
_OF_ENGINES = ("connect", "begin")


def _named(names: Iterable[str], model: Model) -> dict[str, Model]:
    return dict.fromkeys(names, model)


CONNECTING: Mapping[str, Model] = {
    **_named(_CONNECTING, _connects),
    **_named((f"{client}.{command}" for client in _REDIS for command in _COMMANDS), _connects),
    **_named((f"{engine}().{method}" for engine in _ENGINES for method in _OF_ENGINES), _creates),
    **_named((f"{base}.metadata.create_all" for base in _TABLES), _creates),
    "sqlalchemy.MetaData().create_all": _creates,
}
"""What these calls mean for the program that makes them."""
