"""Everyday English that short memories are made of: words to pass over, same and opposite meanings, cues.

The lists are general. What is missing in them is bridged by the likeness of word vectors.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Carry no meaning of their own here. Who "user", "we" or "she" is, the entry's own columns say.
STOP = words(
    "a an the this that these those of in on at to for from by with into onto as is are was were be been being am "
    "do does did doing has have had having will would shall should must may might can could need needs and or but "
    "if than then so there here it its he she they we you i me him her us them his their our your my mine hers "
    "theirs user users human person people customer customers client s which who whom whose what when where while "
    "also very please currently already now just really rather usually normally typically generally mostly mainly "
    "about around approximately roughly always often all any some each every own per both such too up out team "
    "everyone everybody says said say called named name regarding via way kind during within themselves himself "
    "herself itself any time anything something someone like get gets got goes go going set sets put puts take "
    "takes taking happen happens used allow allows allowed permit permits permitted possible use uses using keep "
    "keeps kept want wants make makes made run runs place number value"
)
NEGATIONS = words(
    "not no never without none nobody nothing neither nor cannot avoid avoids hardly rarely nowhere non refuse "
    "refuses lacks lack forbid forbids forbidden prohibit prohibits prohibited ban banned disallow disallowed"
)
#: Something that happened once; other events of the kind do not contradict it.
EVENT_VERBS = words(
    "was were had did went came got took made said wrote met saw bought sold sent ate ran drank found lost left "
    "told asked called booked ordered visited failed reported answered fixed missed restored started stopped "
    "finished released wrote gave spent paid moved switched added removed changed created updated deleted "
    "attended joined watched read won began shipped cancelled returned caught felt thought brought held kept "
    "lasted weighed earned cost charged"
)
#: An attribute after these has one value: another value is a contradiction.
SINGLE_CUES = words(
    "is are be equals default favorite favourite primary main only maximum minimum max min limit preferred "
    "prefers prefer rather lives live home based located hosted called named name born birthday due deadline "
    "starts start begins begin ends end expires expire costs cost price lead leads led owner owned maintains "
    "maintained built written set size version type level status state mode theme color format language currency "
    "zone date time hours length resolution region plan tier timeout rate retention budget count runs works "
    "replaced located must should"
)
#: After these there may be several values side by side.
MANY_CUES = words(
    "likes like loves love hates hate enjoys enjoy dislikes speaks speak knows know visited owns own includes "
    "include supports interested allergic wrote asked fixed ordered bought affects uses needs asks reads plays "
    "play collects bought attends allows accept accepts lists contains studied eat drive smoke watches watch has "
    "have"
)

SYNONYMS = (
    "prefer prefers preferred favor favors enjoy enjoys love loves likes",
    "favorite favourite best",
    "dislike dislikes hate hates detest detests annoy annoys annoyed",
    "require requires required mandatory compulsory obligatory",
    "optional voluntary",
    "interface ui gui",
    "theme mode scheme",
    "deploy deploys deployment deployments deployed",
    "release releases ship ships",
    "begin begins began start starts started",
    "end ends ended finish finishes finished expire expires valid",
    "last lasts takes duration",
    "buy buys purchase purchases",
    "phone telephone call calls",
    "employee employees staff personnel",
    "film films movie movies",
    "doctor dr physician",
    "holiday holidays vacation vacations",
    "home house live lives living resides",
    "max maximum most",
    "min minimum least",
    "config configuration settings setting",
    "database databases db",
    "email emails mail mails",
    "auth authentication authenticate authenticates mfa",
    "remove removes removed delete deletes deleted",
    "off disabled deactivated inactive muted silenced",
    "on enabled activated active",
    "big large huge",
    "small little tiny",
    "quick fast rapid",
    "short brief concise",
    "long lengthy detailed",
    "error errors failure failures fault",
    "picture image photo",
    "repo repository",
    "infra infrastructure",
    "lead leads led head heads chair chaired leader",
    "maintain maintains maintained maintainer",
    "own owns owned owner",
    "locate located based stands situated hosted",
    "born birthday",
    "husband wife spouse partner married",
    "child children kid kids",
    "parent parents",
    "job work works working",
    "meet meets meeting meetings",
    "reply replies answer answers answered respond response responses",
    "refund refunds refunded",
    "invoice invoices invoiced bill",
    "price cost costs priced fee",
    "plan plans subscription",
    "limit limits cap",
    "close closed closes shut",
    "block blocked blocklist blacklisted",
    "write writes written wrote",
    "build builds built",
    "retrospective retrospectives retro retros",
    "lag lags delay delayed late behind",
    "autumn fall",
    "usa us america",
    "uk britain",
    "color colour",
    "center centre",
    "organization organisation company firm",
    "address location",
    "escalate escalated escalates",
    "approve approves approved approval approver",
    "encrypt encrypted encryption",
    "log logs logging logged",
    "test tests testing",
    "backup backups",
    "restart restarts reboot reboots",
    "quarterly quarter",
    "monthly month",
    "wage salary pay pays payment payments paid",
    "notify notification notifications alert alerts alarm",
    "vegetarian meatless",
    "replace replaces replaced move moved switch switched migrate migrated",
    "bicycle bike",
    "automobile car",
    "sci-fi scifi",
    "function functions method methods",
    "mom mother mum",
    "dad father",
    "grandpa grandfather",
    "grandma grandmother",
    "cat cats kitten",
    "laptop notebook",
    "purchase buy",
    "regard regards",
    "public open",
    "wish wishes want",
    "region zone location",
    "force-push force",
)

OPPOSITES = (
    "on off",
    "dark light",
    "open closed",
    "true false",
    "yes no",
    "start end",
    "require optional",
    "prefer dislike",
    "like dislike",
    "single married",
    "alive dead",
    "alive died",
    "public private",
    "synchronous asynchronous",
    "synchronously asynchronously",
    "full empty",
    "manual automatic",
    "manually automatically",
    "hand automatically",
    "soft hard",
    "works broken",
    "working broken",
    "pass fail",
    "passed failed",
    "accept reject",
    "approve reject",
    "approve deny",
    "early late",
    "left right",
    "up down",
    "in out",
    "inside outside",
    "indoors outdoors",
    "above below",
    "over under",
    "more less",
    "more fewer",
    "max min",
    "high low",
    "higher lower",
    "fast slow",
    "short long",
    "formal casual",
    "formal informal",
    "serious playful",
    "internal external",
    "include exclude",
    "included excluded",
    "increase decrease",
    "begin stop",
    "online offline",
    "local remote",
    "hot cold",
    "warm cool",
    "cheap expensive",
    "big small",
    "old new",
    "young old",
    "good bad",
    "success failure",
    "first last",
    "win lose",
    "present absent",
    "day night",
    "morning evening",
    "weekday weekend",
    "stable flaky",
    "expanded collapsed",
    "verbose concise",
    "loud quiet",
    "strict lenient",
    "asc desc",
    "ascending descending",
    "show hide",
    "visible hidden",
    "sweet sour",
    "wet dry",
    "raw cooked",
    "beginner advanced",
    "easy difficult",
    "easy hard",
    "full-time part-time",
    "fulltime parttime",
    "vertical horizontal",
    "ahead behind",
    "active cancelled",
    "healthy sick",
    "daily weekly",
    "monolith microservices",
    "client server",
    "cloud premises",
    "mild hot",
    "guilty innocent",
    "rich poor",
    "strong weak",
    "tight loose",
    "wide narrow",
    "thick thin",
    "rise fall",
    "grow shrink",
    "arrive leave",
    "remember forget",
    "tabs spaces",
    "vegetarian meat",
    "vegan meat",
    "dubbed original",
)
NEGATING_PREFIXES = ("un", "dis", "in", "im", "ir", "non", "a")

NUMBERS = {
    name: number
    for number, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"dozen": 12, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "hundred": 100}
ORDINALS = {
    name: number
    for number, name in enumerate(
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"], 1
    )
}
#: What is measured → how many base units → the names of that unit.
MEASURES: dict[str, dict[float, str]] = {
    "time": {
        0.001: "ms millisecond milliseconds",
        1: "s sec secs second seconds",
        60: "min mins minute minutes",
        3600: "h hr hrs hour hours",
        86_400: "d day days",
        604_800: "week weeks",
        2_592_000: "month months",
        31_104_000: "year years",
    },
    "mass": {0.001: "mg", 1: "g gram grams", 1000: "kg kilo kilos kilogram kilograms"},
    "length": {0.01: "cm", 1: "m meter meters metre metres", 1000: "km kilometer kilometers", 0.0254: "inch inches"},
    "bytes": {1: "kb", 1000: "mb", 1_000_000: "gb", 1_000_000_000: "tb"},
    "pixels": {1: "px pixel pixels"},
    "usd": {1: "usd dollar dollars $"},
    "eur": {1: "eur euro euros €"},
    "gbp": {1: "gbp pound pounds £"},
    "share": {1: "% percent"},
    "degrees": {1: "° °c degree degrees celsius"},
    "requests": {1: "request requests"},
}
#: unit → what it measures, and how many base units it is
UNITS: dict[str, tuple[str, float]] = {}
for _kind, _units in MEASURES.items():
    for _factor, _names in _units.items():
        UNITS.update(dict.fromkeys(_names.split(), (_kind, _factor)))

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
FREQUENCIES = {
    "hour": "hourly",
    "day": "daily",
    "night": "nightly",
    "week": "weekly",
    "month": "monthly",
    "quarter": "quarterly",
    "year": "yearly",
}
