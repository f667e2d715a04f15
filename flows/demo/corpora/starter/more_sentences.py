"""Further languages for synthetic voices, and texts about as long as a recording."""

from __future__ import annotations

from random import Random

from flows.demo.corpora import sentences

CONTINUATIONS: dict[str, tuple[str, ...]] = {
    **sentences.CONTINUATIONS,
    "ca": (
        "el pont és tancat fins dilluns",
        "l'últim tren surt a les onze i quart",
        "hi ha un soroll estrany darrere l'armari",
        "falten tres de les set capses",
        "la porta només s'obre des de fora",
        "teniu dos missatges nous a la bústia",
        "el gos no vol sortir amb la pluja",
        "la reunió és al segon pis",
        "ningú no ha trobat el tresor de l'illa",
        "l'aigua és massa freda per nedar",
    ),
    "ro": (
        "podul este închis până luni",
        "ultimul tren pleacă la ora unsprezece",
        "se aude un zgomot ciudat după dulap",
        "lipsesc trei din cele șapte cutii",
        "ușa se deschide numai din afară",
        "aveți două mesaje noi",
        "câinele nu vrea să iasă pe ploaie",
        "ședința este la etajul al doilea",
        "nimeni nu a găsit comoara de pe insulă",
        "apa este prea rece pentru înot",
    ),
    "bg": (
        "мостът е затворен до понеделник",
        "последният влак тръгва в единайсет часа",
        "зад стария шкаф се чува странен шум",
        "тази врата се отваря само отвън",
        "липсват три от седемте кутии",
        "имате две нови съобщения",
        "водата е много студена за плуване",
        "кучето не иска да излиза в дъжда",
        "събранието е на втория етаж",
        "никой не намери съкровището на острова",
    ),
    "pl": (
        "most jest zamknięty do poniedziałku",
        "ostatni pociąg odjeżdża o jedenastej",
        "za starą szafą słychać dziwny hałas",
        "te drzwi otwierają się tylko z zewnątrz",
        "brakuje trzech z siedmiu pudełek",
        "masz dwie nowe wiadomości",
        "woda jest za zimna do pływania",
        "pies nie chce wychodzić na deszcz",
        "zebranie będzie na drugim piętrze",
        "nikt nie znalazł skarbu na wyspie",
    ),
    "uk": (
        "міст закрито до понеділка",
        "останній потяг відходить об одинадцятій",
        "за старою шафою чути дивний шум",
        "ці двері відчиняються лише ззовні",
        "бракує трьох із семи коробок",
        "у вас два нових повідомлення",
        "вода надто холодна для купання",
        "собака не хоче гуляти під дощем",
        "збори будуть на другому поверсі",
        "ніхто не знайшов скарб на острові",
    ),
}
LETTERS_PER_SECOND = 15.5  # of a synthetic voice at its own pace
SHORTEST = 8  # letters
SLACK = 4  # letters that may be missing


def compose_near(language: str, seconds: float, draw: Random) -> str:
    """Words of a language that take about as many seconds to speak.

    Where the time is short, they are a part of a sentence, as prompts and exclamations are.
    """
    letters = max(SHORTEST, round(seconds * LETTERS_PER_SECOND))
    words: list[str] = []
    while letters - len(" ".join(words)) > SLACK:
        sentence = draw.choice(CONTINUATIONS[language]).split()
        missing = letters - len(" ".join(words))
        words += _part(sentence, missing, draw) if missing < len(" ".join(sentence)) else sentence
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _part(sentence: list[str], letters: int, draw: Random) -> list[str]:
    """The run of words of a sentence nearest to a number of letters, drawn among the nearest."""
    runs = [
        sentence[start:end]
        for start in range(len(sentence))
        for end in range(start + 1, len(sentence) + 1)
    ]
    draw.shuffle(runs)
    return min(runs, key=lambda run: abs(len(" ".join(run)) - letters))
