"""Plain words in which a person tells of a problem. None of them is a name: may, will, rose and mark are left out."""

from __future__ import annotations

from models.words import listed

PLAIN = listed(
    """a about above access account action active add added after afternoon again ago all allergies allergy almost
    already also always am an and any anyone anything app application appointment appointments are as ask asked at
    attachment authorization available away back backlog bad balance be because been before began begin being
    below benefits between billing black blank blocked booked booking both bridge broken but button by calendar
    call called calls came can cancel cancelled cannot chart charts check checked claim claims clear click clicked
    clinic clinical close closed code come comes coming complete completely computer confirm confirmed connect
    connected connection contact contacts copied copy correct could couldn't coverage crash crashed created
    crashes current cut daily data database date dates day days delay delayed deleted demographics desk device
    did didn't different disappear disappeared disconnected do doctor doctors document documents does doesn't
    doing don't done double doubled down download downloads due duplicate duplicated duplicates during each early
    eligibility email emails empty encounter enter entered entry error errors eta evening every everybody everyone
    everything exam exams expired export exports eye eyewear failed failing fails failure faster fax faxes few
    field fields file files fill filled find fine finish finished first fix fixed for form forms found frame frames
    freeze freezes from front frozen full gets getting glasses go goes gone good got had half hang hanging hangs
    happen happened happening happens has have haven't having help here history hour hours how import imports in
    inbox incomplete incorrect info information inside insurance into intermittent internal invalid invoice
    invoices is isn't issue issues it its just keep keeps lab label labels labs last late later latest least left
    lens lenses less like line list lists load loaded loading loads local location locked log logged login logout
    long longer look looks lost lot made main make many maybe medication medications message messages mid midnight
    minute minutes missing mix mixed monday more morning most much multiple must name names need needs network
    never new next night no nobody none normal not note notes nothing notice noticed now number numbers occasionally
    of off office often old on once one online only open opened opens optical or order orders other others our out
    outage over own page pages partial partially part parts password past patient patients payer payers payment
    payments pending people per pharmacy phone picture please portal post posted practice prescription
    prescriptions present press previous print printed printer printing prior problem problems processed
    provider providers pull pulled queue queued quickly random reach read ready received receiving recent
    reception record records reconnect red refill refills refresh refused reject rejected remains reminder
    reminders report reported reports request requests reset response rest restart restarted result results retry
    return returned right room rows run running safe same saturday save saved saves saving saw says schedule
    scheduled schedules screen screens search second seconds see seeing seem seems seen send sending sends sent
    server service session sessions several shared show showed showing shown shows side sign signed since site
    sites slot slots slow slower slowly slowness so some somebody someone something sometimes soon spinner spins
    staff stale start started starting starts status still stop stopped stopping stops stuck submit submitted
    sunday support suddenly sync synced synchronised syncing synchronized syncs system systems tab take takes taking
    team text than that the their them then there these they thing things this those three through thursday time
    times timed timeout to today together token tomorrow too took total transaction transactions transfer
    transmission transmitted tried try trying tuesday twice two unable unavailable under unknown until update
    updated updates updating up upload uploaded uploads urgent us use used user users using usual usually valid
    value values vanish vanished version very view visible vision visit visits wait waited waiting warning was
    wasn't we web wednesday week weekend weeks went were weren't what when where whether which while white who whole
    why window with within without won't work worked working workflow works workstation worse would write writes
    written wrong yellow yes yesterday yet you your zero"""
)
