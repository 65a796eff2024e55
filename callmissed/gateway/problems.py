"""What can go wrong with a request to a model. Each costs nothing."""

from callmissed.foundation.problems import Conflict, NotFound, Problem, TooManyRequests, Unauthenticated


class KeyMissing(Unauthenticated):
    """Send your key (cm_…) or a token made from it (cmt_…) in the header Authorization, after the word Bearer."""

    code = "key_missing"


class ModelNotFound(Problem):
    """There is no such model here. GET /v1/models lists those you can use."""

    status = 404
    code = "model_not_found"


class ModelRetired(Problem):
    """This model is no longer offered. GET /v1/models/{id} names its successor."""

    status = 410
    code = "model_retired"


class ModelUnsuited(Problem):
    """This model is for something else: `kind` says for what. GET /v1/models lists what each is for."""

    status = 400
    code = "model_unsuited"


class RequestInvalid(Problem):
    """Something in the request cannot be used; `param` names it."""

    status = 400
    code = "invalid_request"


class EndUserUnusable(Problem):
    """What the end user is called must be a text of at most 512 characters."""

    status = 400
    code = "end_user_unusable"


class GenerationUnnamed(Problem):
    """Name one request: ?id= with the cm-usage-id of its answer, or the answer's own id."""

    status = 400
    code = "generation_unnamed"


class FilesForServers(Problem):
    """Files and batches are for servers: use the key itself, not a token, and not from a website."""

    status = 403
    code = "files_for_servers"


class AnswerUnderWay(Problem):
    """The same request is being answered now. Ask again in a moment with the same Idempotency-Key."""

    status = 409
    code = "answer_under_way"


class AnswerGone(Problem):
    """This request was answered and charged, but its answer could not be kept. `usage_id` names the charge; a new key asks anew."""

    status = 409
    code = "answer_gone"


class Unsupported(Problem):
    """This model does not support what `param` names. Nothing was sent to it."""

    status = 400
    code = "unsupported_parameter"


class ContextTooLong(Problem):
    """The messages are longer than this model can read."""

    status = 400
    code = "context_length_exceeded"


class KnowledgeMissing(Problem):
    """Nothing in this bot's knowledge is near the question, and the request asks for an answer that rests on it."""

    status = 422
    code = "knowledge_missing"


class TooLongToMask(Problem):
    """This is too much text to mask at once. Send less, or use a key that does not mask."""

    status = 400
    code = "too_long_to_mask"


class RecordingUnreadable(Problem):
    """This is no recording that can be read. Send WAV, MP3, M4A, OGG, Opus or FLAC, whole."""

    status = 400
    code = "recording_unreadable"


class RecordingTooLong(Problem):
    """The recording is longer than this model hears at once. Cut it, or choose another model. It was not billed."""

    status = 400
    code = "recording_too_long"


class RecordingMisleads(Problem):
    """The recording is much longer than its own header says. Save it anew with the right length. It was not billed."""

    status = 400
    code = "recording_misleads"


class TextTooLong(Problem):
    """The text is longer than this voice speaks at once."""

    status = 400
    code = "text_too_long"


class PromptTooLong(Problem):
    """The prompt is longer than this model reads."""

    status = 400
    code = "prompt_too_long"


class PromptUnfit(Problem):
    """This model cannot set these words. Send fewer of them, or letters that it has."""

    status = 400
    code = "prompt_unfit"


class PictureNotFound(NotFound):
    """There is no such picture. It may have been erased, its 30 days may be over, or the link to it may be too old."""

    code = "picture_not_found"


class TooManyPictures(Conflict):
    """Your workspace keeps 500 MB of pictures, and no more. Erase some, or use a key that keeps none. Nothing was billed."""

    code = "too_many_pictures"


class KnowledgeForServers(Problem):
    """Knowledge is read by servers. From a browser, only that of the bot which the key rests on."""

    status = 403
    code = "knowledge_for_servers"


class PicturesForServers(Problem):
    """Pictures that are kept are listed for servers: use the key itself, not a token, and not from a website."""

    status = 403
    code = "pictures_for_servers"


class QueryTooLong(Problem):
    """The query is longer than this provider takes. It was not billed."""

    status = 400
    code = "query_too_long"


class OutsideIndia(Problem):
    """This model runs outside India, and content is kept in India here. Choose a model that runs in India."""

    status = 403
    code = "outside_india"


class ContractMissing(Problem):
    """No contract on record says that this supplier does not train on content, so it gets none."""

    status = 403
    code = "contract_missing"


class OwnKeyMissing(Problem):
    """This model is asked with your workspace's own key at its supplier, and it has none there. Bring one under Provider keys."""

    status = 403
    code = "own_key_missing"


class OwnKeyRefused(Problem):
    """The supplier does not accept your workspace's own key. The call was not billed; bring another one under Provider keys."""

    status = 403
    code = "own_key_refused"


class OwnKeyWrong(Problem):
    """The supplier does not accept this key. Copy it once more from where you made it."""

    status = 422
    code = "own_key_wrong"


class OwnKeyUnchecked(Problem):
    """The supplier did not say whether it accepts this key, so nothing was kept. Try again in a moment."""

    status = 502
    code = "own_key_unchecked"


class OwnKeyUnusable(Problem):
    """A key has 16 to 400 letters, digits and signs, and no spaces."""

    status = 422
    code = "own_key_unusable"


class OwnKeyUnstated(Problem):
    """Name the contract of your account and its date, and confirm that the supplier may not train on what it is sent."""

    status = 422
    code = "own_key_unstated"


class OwnKeyNotTaken(Problem):
    """Keys of your own cannot be used at this supplier here."""

    status = 422
    code = "own_key_not_taken"


class OwnKeyNotFound(NotFound):
    """There is no such provider key."""

    code = "own_key_not_found"


class RateLimited(TooManyRequests):
    """This key sends more requests a minute than it may. Wait a moment and try again."""

    code = "rate_limit_exceeded"


class TooManyAtOnce(TooManyRequests):
    """As many calls of this workspace are under way as its plan allows at once. Try again when one of them has ended."""

    code = "too_many_at_once"


class TooMuchAtOnce(TooManyRequests):
    """Requests of this workspace that are under way hold as many bytes as there is room for. Try again when one of them has ended."""

    code = "too_much_at_once"


class TokenRateLimited(TooManyRequests):
    """This key asks for more tokens a minute than it may use. Wait a moment, or ask for shorter answers with max_tokens."""

    code = "token_rate_limit_exceeded"


class UpstreamUnknown(Problem):
    """There is no supplier of this name here."""

    status = 404
    code = "upstream_unknown"


class UpstreamUnreachable(Problem):
    """The supplier of this model cannot be reached. The call was not billed."""

    status = 502
    code = "upstream_unreachable"


class UpstreamSlow(Problem):
    """The supplier of this model did not answer in time. The call was not billed."""

    status = 504
    code = "upstream_slow"


class UpstreamBroken(Problem):
    """The supplier's answer broke off or cannot be read. The call was not billed.

    `answered` is False when it reported a failure of its own before it answered anything: then another may be asked.
    """

    status = 502
    code = "upstream_broken"
    answered = True

    @classmethod
    def before_answering(cls) -> "UpstreamBroken":
        """A failure that the supplier itself reported."""
        problem = cls()
        problem.answered = False
        return problem


class UpstreamBusy(Problem):
    """The supplier of this model is busy. The call was not billed; try again in a moment."""

    status = 503
    code = "upstream_busy"


class UpstreamPaused(Problem):
    """The supplier of this model keeps failing, so it is not asked for a moment. The call was not billed."""

    status = 503
    code = "upstream_paused"


class UpstreamCrowded(Problem):
    """As many calls as this supplier takes are under way. The call was not billed; try again in a moment."""

    status = 503
    code = "upstream_crowded"


class UpstreamRefused(Problem):
    """The supplier does not accept this installation's account. The call was not billed; the operator has to mend it."""

    status = 502
    code = "upstream_refused"


class UpstreamRejected(Problem):
    """The model did not accept this request: one of its parameters or messages is not allowed there. It was not billed."""

    status = 400
    code = "upstream_rejected"
