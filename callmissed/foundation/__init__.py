"""The foundation: everything below the domain, and no domain word in it.

Database, tenancy, data map, keys and encryption, audit log, jobs, events, mail, files, money, clock, http, problems,
telemetry and languages. Rooms enter it by its modules: `from callmissed.foundation import clock`.
"""
