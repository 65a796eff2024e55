"""Whether words ask for a person: in English, Hindi, and Hindi in Latin letters."""

import pytest

from callmissed.bots.asking import asks_for_person

ASKS = [
    "I want to talk to a person",
    "Can I speak with someone please?",
    "connect me to a human",
    "Is there a real person here?",
    "get me an agent",
    "I need a human",
    "human please",
    "TALK TO A PERSON",
    "please transfer me to your customer care",
    "किसी इंसान से बात कराइए",
    "मुझे इंसान से बात करनी है",
    "कोई इंसान है?",
    "आज ही चाहिए, घर में छोटा बच्चा है। किसी इंसान से बात कराइए।",
    "मैनेजर को बुलाइए",
    "इंसान चाहिए",
    "koi insaan hai kya",
    "kisi insaan se baat karao",
    "Kisi se baat karni hai",
    "manager ko bulao",
    "insaan chahiye",
    "aadmi se baat karwa do",
]
DOES_NOT_ASK = [
    "What are your opening hours?",
    "How many persons come for a repair?",
    "Do you charge per person?",
    "The technician was a nice person",
    "AC se paani tapak raha hai",
    "Kal koi aa sakta hai kya repair ke liye?",
    "क्या रविवार को कोई आ सकता है?",
    "कीमत क्या है?",
    "I do not want to talk to a human",
    "insaan nahi chahiye",
    "",
]


@pytest.mark.parametrize("text", ASKS)
def test_asks(text):
    assert asks_for_person(text)


@pytest.mark.parametrize("text", DOES_NOT_ASK)
def test_does_not_ask(text):
    assert not asks_for_person(text)
