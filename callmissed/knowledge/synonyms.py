"""Words that customers and businesses use for the same thing, in English, Hindi, and Hindi in Latin letters.

One group a line. A group finds its members in each other's place, so that "AC service kitne ka hai" finds "एसी" and
"charges" finds "₹". It is deliberately small: everyday words of local service businesses, no trade's whole vocabulary.
"""

from callmissed.knowledge.words import likeness, stem, words_of

GROUPS = """
price, cost, charge, fee, rate, tariff, rupees, rs, inr, expensive, kimat, keemat, kimmat, daam, dam, kharcha, kharch, paisa, paise, rupaye, कीमत, दाम, शुल्क, चार्ज, खर्च, खर्चा, रेट, रुपये, रुपए, पैसे, पैसा, फीस, लागत, किंमत, दर
open, opening, close, closed, closing, shut, khula, khuli, khule, khulta, khulti, khulte, band, bandh, खुला, खुलता, खुलती, खुलते, खुले, बंद, उघडे, उघडते
hours, timing, timings, time, samay, समय, टाइम, टाइमिंग, वक्त, वेळ
sunday, itvar, itwar, itwaar, ravivar, raviwar, रविवार, इतवार
monday, somvar, somwar, सोमवार
tuesday, mangalvar, mangalwar, मंगलवार
wednesday, budhvar, budhwar, बुधवार
thursday, guruvar, guruwar, गुरुवार, बृहस्पतिवार
friday, shukravar, shukrawar, शुक्रवार
saturday, shanivar, shaniwar, शनिवार
holiday, festival, chutti, chhutti, tyohar, छुट्टी, त्योहार, त्यौहार, अवकाश
area, locality, serve, cover, location, neighbourhood, ilaka, ilake, इलाका, इलाके, क्षेत्र, एरिया
address, located, location, pata, पता
shop, store, workshop, office, dukan, dukaan, दुकान, वर्कशॉप, ऑफिस, दफ्तर
repair, fix, mend, marammat, theek, thik, sudhar, मरम्मत, ठीक, रिपेयर, रिपेअर, सुधार, दुरुस्ती, दुरुस्त
service, servicing, सर्विस, सर्विसिंग, सेवा
clean, cleaning, safai, सफाई, साफ
install, installation, fitting, lagwana, lagana, lagwane, इंस्टॉल, इंस्टॉलेशन, लगवाना, लगवाने, लगाने, लगाना, फिटिंग
uninstall, uninstallation, removal, remove, हटाना, हटाने, निकालना, निकालने, उतारना, उतारने, अनइंस्टॉल
fridge, refrigerator, फ्रिज, रेफ्रिजरेटर, फ्रीज
ac, air conditioner, air conditioning, aircon, एसी, एयर कंडीशनर, वातानुकूलक
washing machine, washer, वॉशिंग मशीन, वाशिंग मशीन, कपड़े धोने की मशीन
microwave, oven, माइक्रोवेव, ओवन
geyser, gyser, geezer, water heater, गीजर, गीज़र, वॉटर हीटर
water purifier, purifier, ro, water filter, वॉटर प्यूरीफायर, प्यूरीफायर, आरओ, वाटर फिल्टर
chimney, चिमनी
tv, television, led tv, टीवी, टेलीविजन
dishwasher, डिशवॉशर
warranty, guarantee, guaranty, garanti, वारंटी, गारंटी, वॉरंटी, हमी
cancel, cancellation, radd, रद्द, कैंसल, कैंसिल
reschedule, postpone, shift, change, badal, badalna, बदल, बदलना, बदलने, बदलाव
book, booking, appointment, schedule, slot, बुक, बुकिंग, अपॉइंटमेंट
pay, payment, paying, bhugtan, भुगतान, पेमेंट, अदा, चुका
upi, gpay, google pay, phonepe, paytm, यूपीआई
cash, naqad, nakad, nagad, नकद, कैश, रोख
card, credit card, debit card, कार्ड
emi, instalment, installment, किस्त, किश्त, ईएमआई
advance, deposit, एडवांस, अग्रिम, पेशगी
emergency, urgent, immediately, turant, jaldi, emergensi, इमरजेंसी, तुरंत, आपात, आपातकालीन, अर्जेंट, तातडी
visit, inspection, checkup, diagnosis, vizit, विजिट, जांच, निरीक्षण
technician, mechanic, engineer, repairman, mistri, karigar, मिस्त्री, मैकेनिक, तकनीशियन, टेक्नीशियन, कारीगर
part, spare, spares, purja, purje, पार्ट, पार्ट्स, पुर्जा, पुर्जे, पुर्जों
bill, invoice, receipt, rasid, raseed, बिल, रसीद, इनवॉइस
gst, tax, जीएसटी, टैक्स
refund, money back, return, wapas, vapas, रिफंड, वापस, वापसी
phone, number, call, contact, helpline, sampark, फोन, नंबर, कॉल, संपर्क
whatsapp, व्हाट्सएप, वॉट्सऐप, व्हाट्सऐप
discount, concession, chhoot, chhut, छूट, डिस्काउंट, रियायत
amc, annual maintenance, annual contract, yearly contract, maintenance contract, एएमसी, वार्षिक अनुबंध, सालाना अनुबंध, सालाना
senior, elderly, older people, bujurg, वरिष्ठ, बुजुर्ग
free, muft, मुफ्त, फ्री, निशुल्क
night, late night, raat, रात
morning, subah, सुबह
evening, shaam, sham, शाम
home, house, doorstep, ghar, घर
brand, company, make, ब्रांड, कंपनी
leak, leaking, leakage, tapak, tapakna, लीक, टपक, रिसाव
cool, cooling, cold, chill, thanda, thandi, ठंडा, ठंडी, कूलिंग
burning, burnt, smoke, jalne, जलने, धुआं
electric shock, shock, current, करंट, झटका
gas, गैस
refill, refilling, recharge, filling, top up, रिफिल, भरना, भराई, भरवाना, भरवाने, bharwana, bharna
day, working day, din, दिन, कार्यदिवस, दिवस
month, mahina, mahine, महीना, महीने, माह
year, yearly, saal, sal, साल, वर्ष
late, delay, der, देर, देरी, विलंब
arrive, reach, pahunch, pahunchna, पहुंच, पहुंचना
complaint, complain, shikayat, शिकायत
language, speak, talk, bhasha, bolte, bolti, भाषा, भाषाएं, बोलते, बोलती
minimum, least, lowest, kam se kam, न्यूनतम, कम से कम
include, included, inclusive, including, shamil, शामिल, सहित
extra, additional, atirikt, अतिरिक्त
"""

Phrase = tuple[str, ...]


def _phrase(words: str) -> Phrase:
    return tuple(words_of(words))


def _stems(phrase: Phrase) -> Phrase:
    return tuple(stem(word) for word in phrase)


def _index() -> dict[Phrase, tuple[Phrase, ...]]:
    """Stems of each member → the members of all its groups, in the order written."""
    index: dict[Phrase, tuple[Phrase, ...]] = {}
    for line in GROUPS.strip().splitlines():
        group = tuple(phrase for member in line.split(",") if (phrase := _phrase(member)))
        for member in group:
            known = index.get(_stems(member), ())
            index[_stems(member)] = known + tuple(each for each in group if each not in known)
    return index


_INDEX = _index()
_VOCABULARY = sorted({word for group in _INDEX.values() for phrase in group for word in phrase if len(word) > 3})  # noqa: PLR2004 - short words resemble everything
LONGEST = max(len(phrase) for phrase in _INDEX)


def phrase_at(words: list[str], at: int) -> tuple[int, tuple[Phrase, ...]]:
    """The longest known phrase that starts at this word: its length in words, and all phrases that mean the same.

    An unknown word is a phrase of its own with no others.
    """
    for length in range(min(LONGEST, len(words) - at), 0, -1):
        phrase = tuple(words[at : at + length])
        group = _INDEX.get(_stems(phrase))
        if group:
            return length, (phrase, *(each for each in group if each != phrase))
    return 1, ((words[at],),)


NEAR = 0.8


def nearest_word(word: str) -> str | None:
    """The known word most like this one, for slips of the finger."""
    near = [(likeness(word, each), each) for each in _VOCABULARY if each[0] == word[0]]
    score, best = max(near, default=(0.0, ""))
    return best if score >= NEAR else None
