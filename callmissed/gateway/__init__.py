"""The gateway: every model behind one key and one wallet.

`/v1` speaks the languages of OpenAI and Anthropic (`Surface`); rooms above ask with `complete`. Both reserve before they cost and settle before
they are finished. Which models there are stands in `catalogue.toml`; who runs them is in the process's `Upstreams`, each with
its region and its contract against training.
"""

from callmissed.gateway import reports as supplier_reports
from callmissed.gateway.audio import hear, read_recording_form, read_speech_request, spoken
from callmissed.gateway.batches import Places
from callmissed.gateway.batches import files as batch_files
from callmissed.gateway.batches import service as batch_runs
from callmissed.gateway.batches.names import file_name
from callmissed.gateway.billed import Caller
from callmissed.gateway.cache import cached_answers, empty_cache, follow_switch
from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.completions import Call, Completion, complete, stream
from callmissed.gateway.description import describe as describe_model_api
from callmissed.gateway.end_users import end_user_tag
from callmissed.gateway.grounding import Grounds
from callmissed.gateway.images import draw, read_image_request
from callmissed.gateway.images import history as pictures
from callmissed.gateway.limits import Limiter, LocalLimiter
from callmissed.gateway.limits_shared import SharedLimiter
from callmissed.gateway.own import provider_keys
from callmissed.gateway.own.opened import Own, OwnKeys
from callmissed.gateway.problems import ModelNotFound
from callmissed.gateway.prompt_log import content_kept_until, read_content
from callmissed.gateway.register import Listing, Upstreams
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.searching import read_search_request, seek
from callmissed.gateway.surface import FAMILIES, PREFIXES, Surface
from callmissed.gateway.upstreams import USUAL_VARIABLES, Terms, UpstreamSettings
from callmissed.gateway.wishes import Grounding, Wishes

__all__ = [
    "FAMILIES",
    "PREFIXES",
    "USUAL_VARIABLES",
    "Call",
    "Caller",
    "Completion",
    "CompletionRequest",
    "Grounding",
    "Grounds",
    "Kind",
    "Limiter",
    "Listing",
    "LocalLimiter",
    "Model",
    "ModelNotFound",
    "Own",
    "OwnKeys",
    "Places",
    "SharedLimiter",
    "Surface",
    "Terms",
    "UpstreamSettings",
    "Upstreams",
    "Wishes",
    "batch_files",
    "batch_runs",
    "cached_answers",
    "complete",
    "content_kept_until",
    "describe_model_api",
    "draw",
    "empty_cache",
    "end_user_tag",
    "file_name",
    "follow_switch",
    "hear",
    "pictures",
    "provider_keys",
    "read_content",
    "read_image_request",
    "read_recording_form",
    "read_search_request",
    "read_speech_request",
    "seek",
    "spoken",
    "stream",
    "supplier_reports",
]
