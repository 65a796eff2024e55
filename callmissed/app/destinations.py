"""Destinations that the settings of the installation name themselves; those of files are declared by the rooms that read them."""

from callmissed.app.installation import DataRole, Installation
from callmissed.foundation.datamap import Category
from callmissed.foundation.egress import REGISTER, RESOLVER, Destination
from callmissed.foundation.postgres import Dsn

EVERYTHING = tuple(each for each in Category if each is not Category.NONE)
LETTERS = (Category.ACCOUNT, Category.CONTACT_POINT)


def declare_destinations(installation: Installation, role: DataRole) -> None:
    """Databases, mail server, Redis and resolver. Databases are noted as contacted: this process is about to open its pools."""
    settings, region = installation.settings, installation.settings.region
    _database("database", installation.data_plane(role), region, EVERYTHING)
    _database("key plane", installation.key_plane(), region, ())
    if settings.smtp_url:
        url = settings.smtp_url.get_secret_value()
        REGISTER.declare(Destination.at(url, "mail server", "mail", *LETTERS))
    if settings.redis_url:
        url = settings.redis_url.get_secret_value()
        REGISTER.declare(Destination.at(url, "redis", "rate limits", Category.PSEUDONYM, region=region))
    if settings.production:
        host, port = RESOLVER
        words = "the operating system"
        REGISTER.declare(Destination("resolver", host, port, "names of hosts", declared_by=words))


def _database(name: str, plane: Dsn, region: str, categories: tuple[Category, ...]) -> None:
    if plane.host.startswith("/"):  # a socket of this machine
        REGISTER.declare(Destination(name, "", 0, "storage", categories, region))
        return
    REGISTER.declare(Destination(name, plane.host.lower(), plane.port, "storage", categories, region))
    REGISTER.admit(plane.host, plane.port)
