"""What the page of the models draws from the gateway's catalogue: choosing among them, what they are called, how to ask one."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from babel import Locale
from pydantic import BaseModel, Field

from callmissed.foundation.i18n import language, t
from callmissed.foundation.money import rupees
from callmissed.gateway import Kind, Listing, Model

_ = str

ABILITY_NAMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "stream": _("Streams"),
        "tools": _("Calls tools"),
        "json": _("Answers in JSON"),
        "vision": _("Sees pictures"),
        "reasoning": _("Thinks first"),
        "citations": _("Names its sources"),
        "files": _("Reads files itself"),
        "web": _("Searches the web itself"),
        "embedding": _("Makes vectors for search"),
        "moderation": _("Finds what is not allowed"),
        "transcription": _("Writes down what is said"),
        "speech": _("Speaks"),
        "image": _("Makes pictures"),
        "search": _("Searches"),
    }
)

SAID_OF_OURSELVES = (
    _("this installation"),
    _("runs inside this installation"),
    _("this machine"),
    _("runs on this machine"),
)
"""Places and contracts that are not a supplier's own words, so that they can be translated."""

PRICES = (25, 100, 250)
"""Rupees for 10 lakh tokens read, up to which one can choose."""

ORDERS: MappingProxyType[str, Callable[[Listing], object]] = MappingProxyType(
    {
        "cheapest": lambda each: (each.model.price_in + each.model.price_out, each.model.id),
        "longest": lambda each: (-each.model.context, each.model.id),
        "newest": lambda each: (-each.model.since, each.model.id),
    }
)

CLIENT = """from openai import OpenAI

client = OpenAI(
    base_url="{base_url}/v1",
    api_key="cm_…",
)
"""
ASK: MappingProxyType[Kind, str] = MappingProxyType(
    {
        "chat": """answer = client.chat.completions.create(
    model="{model}",
    messages=[
        {{"role": "user", "content": "Namaste"}},
    ],
)
print(answer.choices[0].message.content)""",
        "embedding": """made = client.embeddings.create(
    model="{model}",
    input=["Namaste", "Kal milte hain"],
)
print(len(made.data[0].embedding))""",
        "moderation": """judged = client.moderations.create(
    model="{model}",
    input="Namaste",
)
print(judged.results[0].flagged)""",
        "transcription": """heard = client.audio.transcriptions.create(
    model="{model}",
    file=open("call.wav", "rb"),
)
print(heard.text)""",
        "speech": """with client.audio.speech.with_streaming_response.create(
    model="{model}",
    voice="en",
    input="Namaste",
    response_format="wav",
) as spoken:
    spoken.stream_to_file("namaste.wav")""",
        "image": """made = client.images.generate(
    model="{model}",
    prompt="A chai stall at dawn",
    response_format="b64_json",
)
with open("chai.png", "wb") as file:
    file.write(base64.b64decode(made.data[0].b64_json))""",
        "search": """import httpx

found = client.post(
    "/search",
    cast_to=httpx.Response,
    body={{"query": "Delhi to Pune trains", "provider": "{provider}"}},
).json()
for each in found["results"]:
    print(each["title"], each["url"])""",
    }
)
"""How a model of each kind is asked from Python."""


class Choice(BaseModel):
    """Which models are looked at. `model` is opened in the drawer."""

    q: str = Field("", max_length=100, pattern="^[^\\x00]*$")
    ability: Literal[
        "", "stream", "tools", "json", "vision", "reasoning", "citations", "files", "web", "embedding", "moderation",
        "transcription", "speech", "image", "search",
    ] = ""  # fmt: skip
    region: str = Field("", max_length=10, pattern=r"^[A-Z?]*$")
    most: Literal["", "25", "100", "250"] = ""
    order: Literal["cheapest", "longest", "newest"] = "cheapest"
    model: str = Field("", max_length=200, pattern="^[^\\x00]*$")

    @property
    def is_narrowed(self) -> bool:
        """Whether less than everything is looked at."""
        return bool(self.q or self.ability or self.region or self.most)

    def link(self, model: str = "") -> str:
        """The address of this choice, with a model opened or none."""
        held = self.model_dump(exclude={"model"}, exclude_defaults=True) | ({"model": model} if model else {})
        return "/app/models" + ("?" + urlencode(held) if held else "")

    def of(self, listings: Iterable[Listing]) -> list[Listing]:
        """Those that fit: what can be asked first, models that talk before the others, in the order chosen; then what cannot."""
        fitting = [each for each in listings if self._fits(each)]
        kinds: tuple[Kind, ...] = get_args(Kind)
        return sorted(
            fitting,
            key=lambda each: (
                each.refusal is not None,
                kinds.index(each.model.kind),
                ORDERS[self.order](each),
            ),
        )

    def _fits(self, each: Listing) -> bool:
        words = f"{each.model.id} {each.model.name} {' '.join(terms.name for terms in each.upstreams)}"
        return (
            all(word in words.casefold() for word in self.q.casefold().split())
            and (not self.ability or self.ability in each.model.can)
            and (not self.region or self.region in each.regions)
            and (not self.most or (each.model.unit == "token" and each.model.price_in <= rupees(self.most)))
        )


def ability_names() -> dict[str, str]:
    """Ability to its name in the language being spoken."""
    return {each: t(name) for each, name in ABILITY_NAMES.items()}


def place(region: str) -> str:
    """A region (ISO 3166, with a place in it or none) in words: the country in the language being spoken."""
    code, _, rest = region.partition(" ")
    locale: Any = Locale.parse(language())
    names: Mapping[str, str] = locale.territories
    country = t("Place not known") if code == "??" else names.get(code, code)
    return f"{country}, {rest}" if rest else country


def snippet(base_url: str, model: Model) -> str:
    """How a program asks a model, in Python."""
    needs = "import base64\n\n" if model.kind == "image" else ""
    provider = model.id.rpartition("/")[2]
    return (needs + CLIENT + ASK[model.kind]).format(base_url=base_url, model=model.id, provider=provider)
