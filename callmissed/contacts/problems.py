"""What can go wrong with contacts."""

from callmissed.foundation.problems import NotFound


class ContactNotFound(NotFound):
    """There is no such contact in your workspace."""

    code = "contact_not_found"
