'use strict';

/*
 * Plays a path of the server in a page of yours:
 *
 *   <script src="http://server:8889/cam/reader.js"></script>
 *   <video id="video" autoplay muted playsinline></video>
 *   <script>
 *     const video = document.getElementById('video');
 *     const reader = new MediaMTXWebRTCReader({
 *       url: 'http://server:8889/cam/whep',
 *       onTrack: (event) => { video.srcObject = event.streams[0]; },
 *       onError: (text) => console.warn(text),
 *     });
 *   </script>
 *
 * It speaks WHEP. When the connection drops it makes another one, until close() is called.
 */
{
    /* Pauses between attempts: the picture of a stream that returns shall be there in a second. */
    const RETRY_FIRST_MS = 200;
    const RETRY_LAST_MS = 700;

    /* What the server refuses (400) does not come by waiting: somebody has to change something. */
    const RETRY_REFUSED_MS = 5000;

    /* A drop after so long is met by an attempt at once, an earlier one counts as a failure. */
    const STEADY_MS = 3000;

    /* A source that starts on demand may take ten seconds before the server answers. */
    const ANSWER_LIMIT_MS = 20000;

    /* The server gives up a bit sooner (webrtcHandshakeTimeout), and says why in its log. */
    const CONNECT_LIMIT_MS = 10500;

    /* Mostly there is a connection before a later candidate could be of use. */
    const TRICKLE_AFTER_MS = 100;

    /*
     * Of a stream that ends and of a server that stops the page is told (close_notify). Of a server
     * that dies, or of a cable that is pulled, only silence tells, for ICE takes six seconds. So
     * silence for so long counts as a drop, at first.
     */
    const SILENCE_FIRST_MS = 500;
    const SILENCE_LAST_MS = 30000;
    const LOOK_EVERY_MS = 100;

    /* Until something has come: a stream without a cache begins with its next keyframe. */
    const SILENCE_BEFORE_MS = 3000;

    /* How long a dropped session may be seen when the next one is connected. */
    const LINGER_MS = 1000;

    const CANDIDATE = /^a=candidate:\S+ 1 (?<protocol>\S+) \d+ (?<address>\S+) (?<port>\d+) /gm;

    const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

    /** Why there is no picture. `status` is that of the HTTP answer, 0: there was none. */
    class Problem extends Error {
        status = 0;
        isSilence = false; /* a drop that is only guessed */

        constructor(text, more = {}) {
            super(text);
            Object.assign(this, more);
        }
    }

    const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+="(?:\\.|[^"\\])*")*)/g;
    const PARAMETER = /([\w-]+)="((?:\\.|[^"\\])*)"/g;

    /** The ICE servers that Link headers name (RFC 8288; a browser joins all headers to one). */
    const parseLinks = (header) => [...(header ?? '').matchAll(LINK)].flatMap(([, urls, rest]) => {
        const { rel, username, credential } = Object.fromEntries([...rest.matchAll(PARAMETER)]
            .map(([, name, value]) => [name, value.replace(/\\(.)/g, '$1')]));
        return rel === 'ice-server' ? [{ urls, username, credential }] : [];
    });

    /** Opus is mono unless one asks (RFC 7587, section 6.1). */
    const withStereo = (sdp) => {
        const opus = /^a=rtpmap:(\d+) opus\//im.exec(sdp)?.[1];
        return sdp.replace(new RegExp(`^a=fmtp:${opus} (?!.*\\bstereo=).*$`, 'm'), '$&;stereo=1');
    };

    /** What goes into a PATCH (RFC 8840). All media share the transport of the first one. */
    const fragmentOf = (offer, candidates) => [
        ...offer.match(/^a=ice-(?:ufrag|pwd):.*$/gm).slice(0, 2),
        offer.match(/^m=.*$/m)[0],
        offer.match(/^a=mid:.*$/m)[0],
        ...candidates.map((candidate) => `a=${candidate}`),
        '',
    ].join('\r\n');

    /** fetch() with the account. Without one the browser may know what the page was opened with. */
    const fetchAs = ({ user, pass, token }, url, { headers, ...options }) => {
        if (!user && !token) {
            return fetch(url, { headers, ...options });
        }
        const bytes = new TextEncoder().encode(`${user}:${pass ?? ''}`);
        const account = user ? `Basic ${btoa(String.fromCharCode(...bytes))}` : `Bearer ${token}`;
        /* Without `omit` the browser would ask for a password too, in a window of its own. */
        return fetch(url, { headers: { ...headers, Authorization: account }, credentials: 'omit',
            ...options });
    };

    const WORDS = { /* for a status of HTTP */
        401: 'User name and password are needed, or wrong.',
        404: 'No stream at the moment. It will appear here when somebody publishes it.',
    };

    const readProblem = async (response) => {
        const { status, statusText } = response;
        const text = await response.text();
        let error = text;
        try {
            ({ error } = JSON.parse(text));
        } catch {
            /* a proxy in between does not speak JSON */
        }
        return new Problem(WORDS[status] ?? `The server says: ${error || statusText || status}`,
            { status });
    };

    /** One peer connection, from the offer to its end. */
    class Session {
        #conf;
        #pc;
        #offer = null;
        #location = null; /* URL of the session; null: the server has made none */
        #candidates = []; /* not told to the server yet */
        #ownTypes = new Set(); /* of all candidates: host, srflx, relay */
        #trickleTimer = 0;
        #lookTimer = 0;
        #silenceMs;
        #packets = 0; /* received at the last look */
        #drop;

        /** Resolves, with a Problem, when there was a connection and it is gone. */
        dropped = new Promise((resolve) => { this.#drop = resolve; });

        constructor(conf) {
            this.#conf = conf;
            this.#pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
            this.#pc.addTransceiver('video', { direction: 'recvonly' });
            this.#pc.addTransceiver('audio', { direction: 'recvonly' });
            if (conf.onDataChannel) {
                this.#pc.createDataChannel('');
                this.#pc.ondatachannel = (event) => conf.onDataChannel(event);
            }
            this.#pc.ontrack = (event) => conf.onTrack?.(event);
            this.#pc.onicecandidate = (event) => this.#onCandidate(event.candidate);
        }

        /** Whether connect() may be called again: the server has not answered the offer. */
        get isFresh() {
            return this.#location === null;
        }

        /**
         * Returns when media can flow; silence for longer is a drop from then on. Otherwise throws
         * a Problem. The offer is sent before candidates are gathered: the server does not need
         * them, for it learns where checks come from, and it names its ICE servers with the answer.
         * So one round trip is enough, also where nothing gets through but TURN.
         */
        async connect(silenceMs) {
            this.#silenceMs = silenceMs;
            if (!this.#offer) {
                const { sdp } = await this.#pc.createOffer();
                this.#offer = { type: 'offer', sdp: withStereo(sdp) };
            }
            const response = await this.#post();
            this.#location = new URL(response.headers.get('Location') ?? '', response.url);
            const iceServers = parseLinks(response.headers.get('Link'));
            if (iceServers.length > 0) {
                this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), iceServers });
            }
            const answer = { type: 'answer', sdp: await response.text() };
            await this.#pc.setLocalDescription(this.#offer);
            await this.#pc.setRemoteDescription(answer);
            await this.#connected();
            this.#watch();
            const skipped = response.headers.get('X-Skipped-Tracks');
            if (skipped) {
                this.#conf.onWarning?.(`Left out: ${skipped}`);
            }
        }

        /** Ends it, for the server too, at once. */
        close() {
            clearTimeout(this.#trickleTimer);
            clearInterval(this.#lookTimer);
            this.#pc.onconnectionstatechange = null;
            this.#pc.close();
            if (this.#location) {
                /* The page may be on its way out. */
                fetchAs(this.#conf, this.#location, { method: 'DELETE', keepalive: true })
                    .catch(() => {});
                this.#location = null;
            }
        }

        async #post() {
            let response;
            try {
                response = await fetchAs(this.#conf, this.#conf.url, {
                    method: 'POST',
                    headers: { 'Content-Type': 'application/sdp' },
                    body: this.#offer.sdp,
                    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
                });
            } catch (error) {
                throw new Problem(error.name === 'TimeoutError' ? 'The server does not answer.'
                    : 'The server can\'t be reached.');
            }
            if (response.status !== 201) {
                throw await readProblem(response);
            }
            return response;
        }

        #onCandidate(candidate) {
            if (candidate?.candidate) {
                this.#ownTypes.add(candidate.type);
                this.#candidates.push(candidate.candidate);
                this.#trickleTimer ||= setTimeout(() => this.#trickle(), TRICKLE_AFTER_MS);
            }
        }

        #trickle() {
            this.#trickleTimer = 0;
            const body = fragmentOf(this.#offer.sdp, this.#candidates.splice(0));
            if (this.#pc.connectionState !== 'connected') {
                fetchAs(this.#conf, this.#location, {
                    method: 'PATCH',
                    headers: { 'Content-Type': 'application/trickle-ice-sdpfrag' },
                    body,
                }).catch(() => {}); /* if it mattered there will be no connection */
            }
        }

        #connected() {
            return new Promise((resolve, reject) => {
                const fail = () => {
                    clearTimeout(limit);
                    reject(new Problem(this.#whyNotConnected()));
                };
                const limit = setTimeout(fail, CONNECT_LIMIT_MS);
                const look = () => {
                    if (this.#pc.connectionState === 'connected') {
                        clearTimeout(limit);
                        resolve();
                    } else if (this.#pc.connectionState === 'failed') {
                        fail();
                    }
                };
                this.#pc.onconnectionstatechange = look;
                look();
            });
        }

        #whyNotConnected() {
            if (['connected', 'completed'].includes(this.#pc.iceConnectionState)) {
                return 'The server answers, but no encrypted connection (DTLS) could be made.';
            }
            if (this.#ownTypes.size === 0) {
                return 'WebRTC has no network here: a setting or an extension forbids it.';
            }
            const places = [...this.#pc.remoteDescription.sdp.matchAll(CANDIDATE)]
                .map(({ groups: at }) => `${at.address}:${at.port}/${at.protocol}`);
            const tried = [...new Set(places)].join(', ') || 'a server that names no address';
            return `No answer from ${tried}. `
                + 'A firewall may block UDP, or from here the server has another address '
                + '(webrtcAdditionalHosts), or a TURN server is needed. '
                + `This browser's own candidates: ${[...this.#ownTypes].join(', ')}.`;
        }

        /* From now on what happens is a drop. */
        #watch() {
            const drop = (text, more) => {
                clearInterval(this.#lookTimer);
                this.#drop(new Problem(text, more));
            };
            this.#pc.onconnectionstatechange = () => drop('The connection was lost.');
            for (const { transport } of this.#pc.getReceivers()) {
                /* The server says goodbye when the stream ends; that is seen only here. */
                transport?.addEventListener('statechange', () => {
                    if (transport.state !== 'connected') {
                        drop('The stream has ended.');
                    }
                });
            }
            let heard = performance.now();
            this.#lookTimer = setInterval(async () => {
                if (await this.#hasReceived()) {
                    heard = performance.now();
                } else if (performance.now() - heard > this.#patienceMs) {
                    drop('Nothing comes any more.', { isSilence: true });
                }
            }, LOOK_EVERY_MS);
        }

        get #patienceMs() {
            return this.#packets ? this.#silenceMs : Math.max(this.#silenceMs, SILENCE_BEFORE_MS);
        }

        /* Whether there was media since the last look: of the video, where there is some. */
        async #hasReceived() {
            const counts = { audio: 0, video: 0 };
            for (const entry of (await this.#pc.getStats()).values()) {
                if (entry.type === 'inbound-rtp') {
                    counts[entry.kind] += entry.packetsReceived;
                }
            }
            const before = this.#packets;
            this.#packets = counts.video || counts.audio;
            return this.#packets !== before;
        }
    }

    /** Keeps a session alive: when one drops the next one is made. */
    class MediaMTXWebRTCReader {
        #conf;
        #state = 'connecting';
        #current = null;
        #next = null;

        /* Each drop for silence makes it more patient: the stream may be one of few pictures. */
        #silenceMs = SILENCE_FIRST_MS;

        /**
         * @param {Object} conf
         * @param {string} conf.url of the WHEP endpoint
         * @param {string} [conf.user] with conf.pass: HTTP Basic
         * @param {string} [conf.pass]
         * @param {string} [conf.token] or this: HTTP Bearer
         * @param {(event: RTCTrackEvent) => void} [conf.onTrack] also of each later session
         * @param {(event: RTCDataChannelEvent) => void} [conf.onDataChannel]
         * @param {(text: string, problem: Error) => void} [conf.onError] why there is no picture;
         *     the reader tries again, unless problem.status is 401
         * @param {(text: string) => void} [conf.onWarning] tracks that are left out, and why
         * @param {(state: string) => void} [conf.onState] 'connecting', 'connected', 'waiting' for
         *     the next attempt, 'closed'
         */
        constructor(conf) {
            this.#conf = conf;
            this.#run();
        }

        get state() {
            return this.#state;
        }

        /** Ends all, for good. */
        close() {
            this.#enter('closed');
            this.#current?.close();
            this.#next?.close();
        }

        get #isClosed() {
            return this.#state === 'closed';
        }

        #enter(state) {
            if (!this.#isClosed && this.#state !== state) {
                this.#state = state;
                this.#conf.onState?.(state);
            }
        }

        async #run() {
            let failures = 0; /* in a row */
            while (!this.#isClosed) {
                let problem = await this.#attempt();
                const since = performance.now();
                problem ??= await this.#current.dropped;
                failures = performance.now() - since > STEADY_MS ? 0 : failures + 1;
                this.#silenceMs = problem.isSilence ? Math.min(2 * this.#silenceMs, SILENCE_LAST_MS)
                    : SILENCE_FIRST_MS;
                this.#tell(problem);
                await sleep(this.#pause(failures, problem.status));
            }
        }

        #tell(problem) {
            if (!this.#isClosed) {
                this.#enter('waiting');
                this.#conf.onError?.(problem.message, problem);
                if (problem.status === 401) {
                    this.close();
                }
            }
        }

        /* Gives the Problem, or null when it is connected. */
        async #attempt() {
            let problem = null;
            this.#enter('connecting');
            try {
                this.#next ??= new Session(this.#conf);
                await this.#next.connect(this.#silenceMs);
            } catch (error) {
                problem = error;
            }
            const old = this.#current;
            this.#current = problem ? null : this.#next;
            if (!problem) {
                this.#next = null;
                /* Its last picture is there to be seen until the first new one comes. */
                setTimeout(() => old?.close(), LINGER_MS);
                this.#enter('connected');
                return null;
            }
            old?.close();
            if (!this.#next?.isFresh) {
                this.#next?.close();
                this.#next = null;
            }
            return problem;
        }

        /* Not all at the same moment: many pages may have lost the same server. */
        #pause(failures, status) {
            const growing = failures ? RETRY_FIRST_MS * 1.5 ** (failures - 1) : 0;
            const longest = status === 400 ? RETRY_REFUSED_MS : Math.min(growing, RETRY_LAST_MS);
            return longest * (0.75 + Math.random() / 4);
        }
    }

    globalThis.MediaMTXWebRTCReader = MediaMTXWebRTCReader;
}
