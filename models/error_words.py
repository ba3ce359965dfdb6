"""Words in which systems speak of errors, of which none is borne as a name by more than a few in a million.

A word of an error's text stays only when it is on one of these lists (`models.error_text`).

Where they come from (docs/decisions/0030): words of the messages that at least three of the Python packages in
uv.lock raise or log, of HTTP's reason phrases (RFC 9110) and of errno; words of the standards that practices'
systems speak (FHIR, HL7 v2 table 0357, X12 AAA, SMART, OAuth, TLS, SSH, DNS). Taken out was every given name and
every one of the 20,000 most frequent family names of the US Census of 1990, which 78 % of its people bear. What was
taken out and is needed stays in a phrase of two words, where it says no more than the phrase.
"""

from __future__ import annotations

from models.words import listed


def phrased(words: str) -> frozenset[tuple[str, ...]]:
    """The phrases of a text, each as its words."""
    return frozenset(tuple(phrase.split()) for phrase in words.split(","))


WORDS = listed(
    """abi abort aborted aborting about above absolute abstract accept acceptable accepted accepting accepts access
    accessed accessing accessor account ack acknowledged acknowledgement acknowledgment acquire across acting action
    actions active actual actually adapter add added adding addition additional address adjust admission adt
    advertise aes after again against aggregate aggregator agree algorithm algorithms alias aliases align aligned
    all allergies allergy allocate allow allowed allows allscripts alone along alphanumeric already also alternative
    alternatively always ambiguous among amount anchor and annotated annotation annotations anonymous another
    anticipated any anything anyway apache api apigee app appear appears append appended appending application
    applied apply applying appointment appointments appropriate approximate arbitrary archive are area aren arg args
    argument arguments arithmetic array arrays arrival arrow as ascending ascii asked assemble assertion asset
    assign assigned assigning assignment associated asymmetric async asynchronous asyncio at atomic attached
    attachment attempt attempted attempting attempts attr attribute attributes attrs audience auth authenticate
    authenticated authenticating authentication authorised authoritative authority authorization authorize
    authorized auto autocommit automatic automatically available average avoid avoided await aware ax backend
    backends background backlog backoff backpressure backslash backslashreplace backward badly base based bases
    basic basis batch batched batches be bearer because become becomes been before beginning being belong below
    benefit benefits beta between beyond billing binary bind binding bins bit bits blacklisted blob blocked blocking
    blocks bool boolean booleans bootstrap both bound boundaries boundary bracket break broadcast broadcasting
    broken broker browser bucket buffer bug build building built builtin builtins bundle business busy but by byte
    bytecode bytes cache cached calculate callable callables callback callbacks called caller calling calls can
    canary canceled cancellation cancelled cancelling cannot canonical capabilities capability capacity capture
    cases cast casting categorical categories category caught cause caused causes cert certificate certificates
    chain challenge change changed changes changing char character characters charge charging chars charset chart
    checked checker checking checksum children choices choose chunk chunked chunks chunksize cipher circuit claim
    claims classes classvar clause clean cleaned cleaning cleanly cleanup clearinghouse clinic clinical clock closed
    closes closing closure clusters code codec codepoint codes coercible collected collection collections collision
    column columns com combination combine combined combining come comma command commands comment commit committed
    common communication compare comparison compat compatibility compatible compilation compile compiled compiler
    complete completed complex compliance component components composite compress compressed compression compute
    computed computing concat concatenate concrete concurrency concurrent condition conditional conditions
    confidence config configuration configurations configure configured conflict conflicting conflicts conformance
    congested congestion connect connected connecting connection connections connectivity consent consequence
    consider consist consistent console constants constraint constraints construct constructed constructing
    construction constructor consume consumed consumer consumers consuming contact contacting contain contained
    container containing contains content contention contents context contiguous continuation continue continues
    continuous contract control convention converge conversion convert converted converter convertible converting
    coordinate coordinates coords copied copy copying coroutine correct correction correctly corresponding corrupt
    corrupted could couldn count coverage cpu crash crashed crashloopbackoff create created creating creation
    credential credentials criteria criterion critical cryptography csi csv ctypes currently cursor curve custom
    cutoff cycle damaged data database dataclass dataclasses dataframe dataframes dataset datasets datatype
    datatypes date datetime datetimes db dead deadline deadlock deadlocked debug decimal decimals decision
    declaration declare declared declares declined decode decoding decorated decorating decorator decrease
    decreasing decrypt deep def default defaults deferred define defined defines defining definite definition
    definitions degraded delayed delete deleted deleting deletion delimiter delimiters delivered delivery demand
    demographic demographics denial denied density dentrix deny denying department departments dependencies
    dependency dependent deprecated depth derived describe description descriptor deserialize desired desk despite
    dest destination detach detail detailed details detect detected detection determine determined deterministic
    deviation device devices df diagnosis diagnostic diagnostics dialect dictionaries dictionary did didn died
    differ different differs digest digit digits dimension dimensional dimensionality dimensions dir direct
    direction directive directly directories directory dirty disable disabled disallowed discard discarding
    discharge disconnect disconnected disconnecting discrete disk dispatch dispatcher dispensed dispensing display
    disposed distance distances distinct distribution distributions diverged division divisor dns docker document
    documentation documents does doesn doing domain done dosage double down downgraded download downloaded
    downloading downstream downtime draw drift drop dropped dropping dummy dump dumped dumping dumps duplicate
    duplicated duplicates duration during dynamic each economy effect egress ehr either electronic element elements
    eligibility eligible email embedded embedding emit empty emr enable enabled encode encoded encoder encoding
    encodings encounter encountered encounters encrypted encryption end endpoint ends engine enough enqueue enqueued
    enquiry enrolled enrollment ensure enter enterprise entirely entity entries entry entrypoint enum env envelope
    environment eof epic episode equal equally equals equation equivalent err error errorcode errormessage errors
    escape escaped escapes establish established estimated estimator evaluate evaluated event events every evicted
    exact exactly example exceed exceeded exceeding exceeds except exception exceptions excessive exchange exclude
    excluded exclusive exclusively exec executable execute executed executing execution executor exhausted
    exhaustion exist existing exists exit exited exiting exits expand expect expectation expected expecting expects
    expiration expired expires expiry explanation explicit explicitly exponent export expose exposed expression
    expressions extend extended extending extension extensions external extra extract eyewear facility factory fail
    failed failover failure fallback falling false fatal fault faultcode faulted faults faultstring feature features
    feed fetch fetched fetching fewer filename filepath filesize filesystem fill filter filtering filters final find
    finding fingerprint finished finite firewall first fixed flag flags flapping float floating floats flooded flow
    flush flushed flushing folder follow followed following follows footer for forbidden forced foreign forget form
    format formats formatted formatter formulary found four fractional fragment frames framing frequency from frozen
    fulfill fulfilled full fully function functional functions further future garbage gateway general generate
    generated generating generation generator generators generic get getaddrinfo getter getting give giving global
    globally globals goes gone got graceful granted graph greater group groups guarantor had half halted handle
    handled handlers handles handling handshake hangup happen has hashable hashed have having header headers health
    healthcare healthy heartbeat heartbeats help here hex hexadecimal hibernate hierarchical hierarchy higher hint
    hints history hmac homogeneous hops hospital hostname hosts how however html http https httpx hyphen hyphens
    icmp id identical identification identifier identifiers identify identity idle ids if ignore ignored ignores
    ignoring ill illegal immunization immutable implausible implement implementation implementations implemented
    implementing implicit implies import imported importer importing imports impossible improper inaccessible
    inactive inactivity inappropriate inbound incident include included includes including inclusive incompatible
    incomplete inconsistency inconsistent incorrect increase increasing increment indefinite indentation index
    indexed indexes indexing indicate indicates indicator indicators indices individual infer inferred infinite
    infinity info information ingest ingestion ingress inherit inheritance inheriting init initial initialization
    initialize initialized initializer initializing inline inner input inputs inquiry insecure insert inserted
    inserting inside inspect install installation installed installing instance instances instantiate instantiated
    instantiating instantiation instead instruction insufficient insurance insured insurer int intake integer
    integers integral integration integrity intended interactive interchange interface interfaces internal
    interoperability interpret interpreted interpreter interrupt interrupted interruption intersect intersection
    interval intervals into introspection invalid invalidated inverse invert invocation invoice invoices invoke
    invoked io ioctl ip ipv is iso isolated isolation issubclass issue issued issuer issues it item items iterable
    iterate iteration iterations iterator its itself java javax jdbc jitter join journal json jti jwks jwt keep
    keepalive kerberos kernel kex keyerror keymanagement keyword keywords kid kill kind know known kubernetes label
    labels laboratory lacks lag language larger last latency later latin launch layer layout ldap lead leading leads
    least leave left legacy legal length lengths lens less letter letters level levels libraries library licence
    license licensed lifetime like likely likes limit limited limiting limits linear links listed listener lists
    literal literals live liveness load loaded loader loading loads local locale locate located location locations
    locator locked lockout locks log logged logger logic logical login logout longer looking looks lookup lookups
    loopback loss lost lowercase machine made magic maintenance make makes making malformed managed manager
    mandatory manually map mapped mapper mapping mappings maps margin margins markdown marked markers masked match
    matched matches matching math maximum maxsize maybe meaningless medical medication medications medium member
    members memory merge merged merging message messages metadata method methods metric metrics middle might migrate
    migration mime minimum mirth misconfigured misdirected mismatch mismatched mismatching missing mixed mllp mode
    model models modes modified modify module modules monotonically most move moved ms msg much multi multibyte
    multidimensional multipart multiple multiply must mutable mutually mysql nack naive nak name named namedtuple
    names nameserver namespace namespaces naming native ndarray necessary need needed needs negative negotiate
    negotiates negotiation neither nested nesting net network never newer newline next nio no node nodes non nonce
    none nonempty nonnegative nor normal normalization normalize normalized not note nothing notice notification
    notify now npe npi nth nullable num number numeric numerical nxdomain oauth obey object objects observation
    observations observed obtained occur occurred occurs octal octet of off offline offset offsets often older on
    once one ones online only onset oom opcode open opened opening opentelemetry operand operands operate operating
    operation operations operator operators optical optimal optimization optimizer option optional options optometry
    or order ordered ordering orders ordinal org origin original originate orphan orphaned os oserror other others
    otherwise our out outage outbound outer outlier output outputs outside over overdue overflow overlap overlapping
    overlaps overload overloaded overridden override overrides overriding overrun oversized overwrite overwriting
    own owner package packages packet packets pad padding pairs panic parallel parameter parameters parenthesis
    parity parquet parse parsed parser parsers parsing part partial partially participant partition partitioned
    partitioning partitions partner parts party passed passing passphrase password path pathlike paths patient
    patients pattern patterns payer payers payload payment pem pending per percent percentiles perform performed
    performing period periodic permanent permanently permission permitted permutation persist persisted persistence
    persistent pharmacy phase phrase physician pickling pipe pipeline placeholder placement places plaintext plan
    platform please plugin plugins pod pods point points poison policies policy polled polling portal position
    positional positions positive possible possibly posted postgres postgresql postings practice practitioner
    practitioners preauthorization precaution precomputed precondition prefer preferred prefix prefixed prefixes
    premature prematurely prepare prepared preparing prescription prescriptions present preset prevent previous
    previously primary printable private privilege privileges probably probe problem problems procedure proceed
    proceeding process processes processing processor produce produced producer product profile progress prohibited
    prompt properly properties property protected protocol protocols provide provided provider provides providing
    provision provisioning proxy public publickey publish published pull pulled pure purge purged push pushed put
    qualified quarantine quarantined queries query queue queued queues quorum quota quote quoted quotes quoting
    raise raised raising random ranges rate ratio raw reachable reached readable readiness readonly reads reasons
    rebalance rebalancing rebuild receive received receiver receiving recipient recognised recognize recognized
    recommended reconnect reconnecting records recover recoverable recovered recovering recovery recursion recursive
    recursively redefine redeliver redelivered redelivery redirect redirects redis reduce reduced reduction
    redundant reestablish refer reference referenced references referral reflect reflection refresh refuse refused
    refuses refusing region registered registering registration registry regular reject rejected rejecting rejection
    rejects rekey relation relationship relative release released reload remain remaining remote removal remove
    removed removing rename rendered renderer rendering renegotiation renewal renewed repeat repeated repeatedly
    replace replaced replacement replay replays replica replication reply report reported reporting repository repr
    represent representation represented reproduce request requested requests require required requirement
    requirements requires resend resending resent reserved reset reshape resize resolution resolve resolved resolver
    resolves resolving resource resources respectively respond responded responding response responses restart
    restarted restarting restarts restore restrictions resubmission resubmit result resulted resulting results
    resume resumed retention retransmission retransmit retries retrieval retrieve retrieved retry retrying return
    returned returning returns reusable reuse reverse reversible reverted revocation revoked rfc right role rollback
    rotated rotation round routable route routes routing rows rsa rsync rules run runs runtime runtimeexception safe
    safely salt same saml sandbox satisfiable satisfied satisfy saturated saturation save saved saving scale scaled
    scan schedule scheduled scheduler scheduling schema scheme schemes scope scopes score script scripts search
    searched searching second secondary seconds secret secrets section sections secure security seed seek seem seems
    seen segment segmentation segments select selected selection selector semantic semaphore semaphores send sender
    sending sense sensitivity sent separate separated separator sequence sequences serial serialization serialize
    serialized serializer series server serverless servfail set sets setting settings setup several severed severity
    sftp shape shaped shapes shared shed shift should shouldn shutdown shutting side sign signal signature
    signatures signed signing silently similar simple simultaneously since single singular site size sized sizes
    skew skip skipped skipping slice slicing slot slots slow slowdown snapshot soap socket sockets socks software
    some something sort sorted sorting source sources space spaces sparse special specialty specific specification
    specifications specified specifier specifiers specifies specify specifying specimen split splits splitter spool
    springframework sql sqlalchemy sqlite ssh ssl sslcontext stable stacktrace stale stalled standalone standby
    started starting startup starved state statement statements statistics status stdin stdout step steps stop
    stopped stopping storage store stored storing str strategies strategy stream streaming streams strict strictly
    string strings struct structtype structure structures stub style subclass subclasses subcommand subject
    submission submit submitted submitting subprocess subscriber subscribers subscript subscription subscriptions
    subscripts subsequent subset substitute substituted substitution substring subsystem subtract subtype successful
    such sufficient suffix suitable superseded supplied supply support supported supports supposed suppressed sure
    surgery suspended swap switch switching symbol symbolic symbols sync synchronisation synchronization
    synchronized synchronous syncing syntax sys system systems table tables tag tags take takes taking target
    targets task tasks tcp teardown telemetry temp template templates temporarily temporary tenant tenants term
    terminal terminate terminated terminating terms testing tests text th that the their them then there therefore
    thereof these they third this those though thrashing thread threads three threshold throttle throttled throttles
    throttling through throughput thus time timed timedout timely timeout timeouterror timeouts timer times
    timestamp timestamps timezone timezones tls together token tokens too tool top total trace traceback tracker
    traffic trailer trailing transaction transactions transfer transform transformation transient translate
    translation transmission transmit transmitted transmitting transport treated treating tried tripped trivial
    trouble truncate truncated truncating trusted truth try trying ttl tunnel tuple tuples two type typed types tz
    unable unacknowledged unauthenticated unauthorised unauthorized unavailability unavailable unbalanced unbound
    undeclared undefined undeliverable undelivered under underlying underscore underscores understood undetermined
    unequal unexpected unexpectedly unhandled unhashable unicode uniform unimplemented uninitialized union unique
    unit units unity unix unknown unless unmapped unnamed unpack unparsable unparseable unprocessable unprocessed
    unreachable unreadable unrecognised unrecognized unreleased unreliable unresolvable unresponsive unsafe
    unserializable unsigned unspecified unstable unsubscribed unsuccessful unsuccessfully unsupported unterminated
    until untrusted unused unusual unwilling up update updated updating upgrade upgrading upload uploaded uploading
    upper upstream uri url urls usable usage use used user username users uses using usually utc utf uuid vaccine
    valid validate validated validation validator value valued valueerror values vanished variable variables variant
    vault vendor veradigm verification verified verify versa version versions very view violated violates violation
    virtual visit visits void volume vpn waiting want warn warned warning warnings was watchdog watching we webhook
    webhooks websocket wedged were what when where whether which while whitespace whose wildcard window windows with
    withheld within without words worker workers workflow working worklist worklists would wrap wrapped wrapper
    writable write writeable writer writes writing written wrong xml yaml yet yield yields your zip zone zoneinfo"""
)

# codes that are written so and not otherwise: errno and Node, HL7 table 0008, algorithms, media
EXACT = listed(
    """EACCES EADDRINUSE EAGAIN EAI_AGAIN EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST EHOSTUNREACH EINTR EINVAL
    EIO EMFILE ENETUNREACH ENOENT ENOMEM ENOSPC ENOTFOUND EPERM EPIPE ETIMEDOUT NXDOMAIN SERVFAIL CERT_HAS_EXPIRED
    AE AR CE CR HL7 X12 FHIR MLLP SFTP SMTP SOAP UTF-8 ISO-8859-1 base64 gzip HTTP/1.0 HTTP/1.1 HTTP/2 TLSv1 TLSv1.0
    TLSv1.1 TLSv1.2 TLSv1.3 SSLv3 x509 X509 OAuth2 oauth2 RS256 RS384 ES256 ES384 HS256 SHA-1 SHA-256 MSA MSH ERR TA1
    AAA application/json application/fhir+json application/xml text/html text/plain"""
)

# small words that are names too, as An, In, To and Do are: in lower case only
SMALL = listed("""a s t an in to do so than you more via still just given due able even back""")

# words that are names too, and so stay beside the other word of a phrase only
PHRASES = phrased(
    """acquire lock, active sessions, actual file, address mac, already running, api call, application record,
    array bounds, background job, bad certificate, bad credentials, bad format, bad gateway, bad mac, bad message,
    bad password, bad record, bad request, bad response, bad value, base class, blank line, block list, block size,
    blocked block, body too, bridge down, bridge offline, business rule, by peer, cache key, call failed,
    call stack, case mismatch, certificate chain, certificate file, channel closed, channel error, channel open,
    check constraint, check digit, check failed, child class, class name, clear text, client authentication,
    client certificate, client closed, client credentials, client error, client id, client secret, close failed,
    close notify, closed file, concurrent sessions, config file, configuration file, connection pool,
    connection state, connection states, constant pool, consumer stuck, core dumped, cover period, creating new,
    current directory, currently running, data row, database lock, deadlock lock, delay exceeded, dirty read,
    driver error, driver failed, duplicate key, duplicate keys, duplicate record, empty body, empty file,
    empty list, encryption key, error code, error handler, error reason, event loop, exceeds max, existing file,
    expired session, export job, failed job, failed start, field missing, field name, field names, field type,
    file contains, file descriptor, file exists, file format, file handle, file name, file object, file path,
    file size, file system, file transfer, file truncated, file type, filter bounds, firewall rule, foreign key,
    frame error, framing error, free space, function call, handler error, hash algorithm, hash mismatch,
    header line, health check, heap memory, heap space, high latency, high load, host key, host name,
    host resolution, host unreachable, illegal state, input file, interface bridge, internal service,
    invalid client, invalid field, invalid file, invalid key, invalid line, invalid page, invalid port,
    invalid record, invalid session, invalid start, invalid state, job expired, job failed, job queue, job timed,
    key exchange, key expired, key file, key format, key id, key identifier, key length, key size, key type,
    key value, key verification, lack permission, lease expired, link down, list index, list type, local file,
    lock contention, lock file, lock held, lock timeout, lock wait, low disk, low memory, lower case, mac mismatch,
    main thread, mandatory field, many connections, many files, many open, many requests, many sessions,
    marker missing, master unavailable, max length, message body, message pass, missing field, missing file,
    missing key, multiple keys, network bridge, network link, new connection, new key, new line, new password,
    new session, next link, next page, no free, not null, null bytes, null pointer, null value, null values,
    old key, old password, open channel, open sessions, output file, page expired, page size, page token,
    parent object, pass phrase, peer certificate, peer closed, ping failed, ping timeout, place order, plain text,
    policy rule, pool exhausted, pool size, pool timeout, port already, port unreachable, post failed, post request,
    power failure, practice bridge, primary key, prior authorization, private key, procedure call,
    proper authentication, public key, public keys, queue stuck, range not, rate limit, read error, read failed,
    read timed, read timeout, real time, reason code, reason phrase, reason unknown, record locked, record size,
    record type, register failed, remote call, remote file, remote host, request body, required field,
    required keys, response body, retry delay, root cause, root certificate, row count, rows row, rsa key,
    rule violation, sample rate, security check, security precaution, self signed, service account,
    service unavailable, session expired, session id, session timed, session timeout, session token,
    sessions exceeded, signing key, single line, small buffer, small file, smart configuration, source file,
    stack overflow, stack trace, standard error, standard output, start element, start failed, start tag,
    status line, table lock, temporary file, test message, thread pool, too high, too large, too long, too low,
    too many, too short, too small, trailer record, true value, unauthorized client, unexpected end, unexpected key,
    unexpected record, unexpected state, unhandled handler, unique key, unity session, unknown client,
    unknown field, unknown file, unknown host, unknown key, unknown service, unrecognized field, unsupported key,
    valid range, virtual host, wait time, wait timeout, waiting lock, work queue, works only, zip file"""
)

# words before a person's name, and so before no phrase in capitals
PERSONS = listed("""patient patients practitioner practitioners member members subscriber provider providers physician
    participant user users username guarantor insured name names beneficiary dependent owner customer""")
