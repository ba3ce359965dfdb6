"""Files that are dropped into a folder, and the SFTP server before it (catalogue S37–S44)."""

from __future__ import annotations

from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Desk, FaultDomain, RetryClass, Signature
from models.signatures._clues import breaks, changed_before, failures_are, holds, nothing_changed, shows
from models.signatures._conditions import alone, code_is, unless_coded
from models.surface import Trait

KINDS = ("flat_file",)
ABSENT = ("file_missing", "file_elsewhere", "nothing_sent", "not_replaced", "still_arriving")
SHORT = ("truncated", "trailer_wrong", "much_smaller", "file_empty")
REPEATED = ("same_as_before",)
CHANGED = ("columns_added", "columns_changed", "delimiter_changed", "encoding_changed", "bom_changed")
KEY = ("key_refused", "invalid_credentials")
STRANGER = ("host_key_changed",)
UNSURE = ("not_delivered", "delivered_short", "delivered_differs")

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="file_missing",
        entry="S37",
        kinds=KINDS,
        says=lambda _: "The expected file did not come",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("No file when it was due", *ABSENT, supports=25.0),
            holds(Rung.SCOPE, supports=1.5, contradicts=0.3),
            shows(IndicationKind.FILE_LATE, "It is late", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="the file lies there, at rest, and its rows are counted",
        desk=Desk.PARTNER,
        call_when="its grace is over on a working day of the practice",
        recommends=(
            "Look for the file under a likely name, in the folder and beside it",
            "Ask the sender whether the job ran, and whether the practice keeps a holiday",
        ),
    ),
    Signature(
        cause="file_short",
        entry="S38",
        kinds=KINDS,
        says=lambda _: "The file came short: cut off, without its trailer, or with far fewer rows than usual",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Cut off, contradicted by its trailer, or much smaller than usual", *SHORT, supports=25.0),
            holds(Rung.SCOPE, supports=1.5, contradicts=0.3),
            shows(IndicationKind.FILE_SHORT, "Fewer rows than usual", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="the trailer's count is that of the rows, and the file no longer changes",
        desk=Desk.PARTNER,
        call_when="it is still short after one more download",
        recommends=("Do not load it; keep the last whole file in use", "Have the sender repeat the export"),
    ),
    Signature(
        cause="file_repeated",
        entry="S39",
        kinds=KINDS,
        says=lambda _: "The file is the one of an earlier day, sent again",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Same content as the one before", *REPEATED, supports=25.0),
            holds(Rung.SCOPE, supports=1.5, contradicts=0.3),
            shows(IndicationKind.FILE_REPEATED, "The same again", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.NO_CALL,
        verify="the next file differs",
        desk=Desk.PARTNER,
        call_when="two in a row are the same",
        recommends=("Do not load it a second time", "Ask the sender why the export did not move on"),
    ),
    Signature(
        cause="file_schema_changed",
        entry="S40",
        kinds=KINDS,
        says=lambda _: "The file has another form: columns, delimiter or encoding changed",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Header, delimiter, encoding or byte order mark differs", *CHANGED, supports=25.0),
            holds(Rung.SCOPE, supports=1.5, contradicts=0.3),
            shows(IndicationKind.COLUMNS_CHANGED, "Columns differ", supports=2.0, contradicts=0.8),
            changed_before(Trait.SOFTWARE_VERSION, Trait.PRODUCT_VERSION, supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the file satisfies its promise again, or the mapping was adapted",
        desk=Desk.MAPPING,
        call_when="a known column is gone or renamed",
        recommends=(
            "Set the file aside; when columns were only added, load those that are known",
            "Ask whether the practice's system was upgraded",
        ),
    ),
    Signature(
        cause="user_key_refused",
        entry="S41",
        kinds=KINDS,
        says=lambda _: "The file server refuses our log-in",
        fault_domain=FaultDomain.IDENTITY,
        clues=(
            code_is("Log-in refused", *KEY, supports=25.0),
            breaks(Rung.AUTH),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            shows(IndicationKind.CREDENTIAL_ENDS, "Our key or password ends", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.ONE_ATTEMPT,
        verify="one log-in is accepted",
        desk=Desk.PARTNER,
        call_when="at once: further attempts may lock the account",
        recommends=(
            "Ask the partner whether the key pair was changed or has expired; give them our public key's fingerprint",
            "Do not try again before they answer",
        ),
    ),
    Signature(
        cause="host_key_changed",
        entry="S42",
        kinds=KINDS,
        says=lambda _: "The file server shows another host key than the one that was agreed on",
        fault_domain=FaultDomain.SECURITY,
        clues=(
            code_is("Host key is a stranger's", *STRANGER, supports=25.0),
            breaks(Rung.TLS),
            holds(Rung.DNS, Rung.TCP, supports=1.5),
            changed_before(Trait.HOST_KEY),
        ),
        security=True,
        retry=RetryClass.STOP,
        verify="the partner confirmed the new fingerprint over another channel, and somebody accepted it",
        desk=Desk.SECURITY,
        call_when="at once: the server was rebuilt, or somebody stands between",
        recommends=("Stop all transfers", "Have the partner read out the fingerprint over another channel"),
    ),
    Signature(
        cause="file_server_unreachable",
        entry="S43",
        kinds=KINDS,
        says=lambda _: "The file server cannot be reached",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("Refused or no answer at the door", Outcome.REFUSED, Outcome.TIMEOUT, supports=20.0),
            breaks(Rung.TCP, supports=8.0, contradicts=0.15),
            unless_coded("The log-in or the key explains it", *KEY, *STRANGER),
            alone(),
            nothing_changed(),
        ),
        remedies=("retry_failed",),
        retry=RetryClass.RETRY_AFTER,
        verify="a file of ours lies there with the size that we sent, or theirs can be listed",
        desk=Desk.PARTNER,
        call_when="longer than 2 hours of opening time",
        recommends=(
            "Ask whether our address is still allowed, and whether there is maintenance",
            "Try the port from another network before anything is changed",
        ),
    ),
    Signature(
        cause="upload_unconfirmed",
        entry="S44",
        kinds=KINDS,
        says=lambda _: "What we sent is said to have arrived, and does not lie there whole",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Not there, or of another size than our copy", *UNSURE, supports=25.0),
            holds(Rung.SCOPE, supports=1.5, contradicts=0.3),
            shows(IndicationKind.NOT_LANDED, "Sent and not landed", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="exactly one copy lies there, of our size",
        desk=Desk.PARTNER,
        call_when="their folder cannot be looked at, or the file was taken and nobody has it",
        recommends=(
            "Look for the file by name and size before it is sent again",
            "Ask the partner by the file's control number whether they took it",
        ),
    ),
)
