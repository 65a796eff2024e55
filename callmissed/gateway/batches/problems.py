"""What can go wrong with files and batches, with single lines of a batch's file, and with requests that were never asked."""

from callmissed.foundation.problems import Conflict, NotFound, Problem, TooLarge


class FileNotFound(NotFound):
    """There is no such file in your workspace. Files are kept for 30 days."""

    code = "file_not_found"


class BatchNotFound(NotFound):
    """There is no such batch in your workspace. Batches are kept for 30 days."""

    code = "batch_not_found"


class FileTooLarge(TooLarge):
    """A file can have up to 20 MB. Cut it into several."""

    code = "file_too_large"


class TooManyFiles(Conflict):
    """A workspace can keep 100 files and 500 MB. Remove some that are not needed any more."""

    code = "too_many_files"


class FileInUse(Conflict):
    """A batch that is not finished reads this file. Cancel the batch first."""

    code = "file_in_use"


class TooManyBatches(Conflict):
    """Five batches of a workspace can run at once. Start this one when another has ended."""

    code = "too_many_batches"


class BatchEnded(Conflict):
    """This batch has ended or is about to, so it cannot be cancelled."""

    code = "batch_ended"


class BatchUnusable(Problem):
    """The file has no request, more than 10,000, or lines that cannot be used."""

    status = 400
    code = "batch_unusable"


class LineUnreadable(Problem):
    """This line is no JSON object with custom_id, method, url and body."""

    status = 400
    code = "line_unreadable"


class LineRepeated(Problem):
    """Another line has the same custom_id. Answers could not be told apart."""

    status = 400
    code = "duplicate_custom_id"


class LineElsewhere(Problem):
    """Every line has the method POST and the batch's own endpoint as its url."""

    status = 400
    code = "mismatched_endpoint"


class LineStreamed(Problem):
    """Answers of a batch cannot be streamed. Leave `stream` out."""

    status = 400
    code = "line_streamed"


class BatchExpired(Problem):
    """This request was not asked within the batch's 24 hours. It was not billed."""

    status = 409
    code = "batch_expired"


class BatchCancelled(Problem):
    """This request was not asked, because its batch was cancelled. It was not billed."""

    status = 409
    code = "batch_cancelled"


class AnswersTooLarge(TooLarge):
    """The answers of a batch can have up to 200 MB. This request was not billed: ask it in another batch."""

    code = "batch_answers_too_large"


class BatchUndelivered(Problem):
    """The files of this batch could not be written. Its answers are kept for 30 days: write to support."""

    code = "batch_undelivered"


class Superseded(Conflict):
    """Another worker has taken this request over. It was not billed here."""

    code = "batch_line_taken_over"
