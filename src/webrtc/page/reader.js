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
  /* Pauses between attempts. They are short: somebody is looking at the page. */
  const RETRY_FIRST_MS = 150;
  const RETRY_LAST_MS = 1000;

  /* A source that starts on demand may take ten seconds before the server answers. */
  const ANSWER_LIMIT_MS = 20000;

  /* The server gives up at the same time (webrtcHandshakeTimeout). */
  const CONNECT_LIMIT_MS = 10000;

  /* Mostly there is a connection before a later candidate could be of use. */
  const TRICKLE_AFTER_MS = 100;

  /* Nothing received for so long counts as a drop, see MediaMTXWebRTCReader.#silenceMs. */
  const SILENCE_FIRST_MS = 1000;
  const SILENCE_LAST_MS = 30000;
  const LOOK_EVERY_MS = 200;

  const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

  /** Why there is no picture, in words. `status` is that of the HTTP answer, 0: there was none. */
  class Problem extends Error {
    constructor(text, status = 0) {
      super(text);
      this.status = status;
    }
  }

  /** The ICE servers that Link headers name; a comma stands between two headers. */
  const parseLinks = (header) => (header ?? '').split(/,\s*(?=<)/).flatMap((link) => {
    const url = /^<((?:stun|turn)s?:[^>]+)>/.exec(link)?.[1];
    const quoted = (name) => new RegExp(`;\\s*${name}="((?:\\\\.|[^"\\\\])*)"`).exec(link)?.[1]
      .replace(/\\(.)/g, '$1');
    return url && quoted('rel') === 'ice-server'
      ? [{ urls: url, username: quoted('username'), credential: quoted('credential') }]
      : [];
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

  const authorization = ({ user, pass, token }) => {
    if (user) {
      const bytes = new TextEncoder().encode(`${user}:${pass ?? ''}`);
      return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
    }
    return token ? { Authorization: `Bearer ${token}` } : {};
  };

  const readProblem = async (response) => {
    const text = await response.text().catch(() => '');
    let error = text;
    try {
      error = JSON.parse(text).error ?? text;
    } catch {
      /* a proxy in between does not speak JSON */
    }
    switch (response.status) {
      case 401:
        return new Problem('User name and password are needed, or wrong.', 401);
      case 404:
        return new Problem('No stream yet. It will appear here when somebody publishes it.', 404);
      default:
        return new Problem(`The server says: ${error || response.statusText || response.status}`,
          response.status);
    }
  };

  /** One peer connection, from the offer to its end. */
  class Session {
    #conf;
    #pc;
    #offer = null;
    #location = null; /* URL of the session; null: the server has made none */
    #candidates = []; /* not told to the server yet */
    #trickleTimer = 0;
    #lookTimer = 0;
    #packets = 0;
    #drop;

    /** Resolves, with words, when there was a connection and it is gone. */
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
     * Returns when media can flow, throws a Problem otherwise. The offer is sent before candidates
     * are gathered: the server does not need them, for it learns where checks come from, and it
     * names its ICE servers with the answer. So one round trip is enough, also where nothing gets
     * through but TURN.
     */
    async connect() {
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
      const connected = this.#connected();
      await this.#pc.setLocalDescription(this.#offer);
      await this.#pc.setRemoteDescription(answer);
      await connected;
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
        fetch(this.#location, { method: 'DELETE', headers: authorization(this.#conf),
          keepalive: true }).catch(() => {});
        this.#location = null;
      }
    }

    async #post() {
      let response;
      try {
        response = await fetch(this.#conf.url, {
          method: 'POST',
          headers: { 'Content-Type': 'application/sdp', ...authorization(this.#conf) },
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
        this.#candidates.push(candidate.candidate);
        this.#trickleTimer ||= setTimeout(() => this.#trickle(), TRICKLE_AFTER_MS);
      }
    }

    #trickle() {
      this.#trickleTimer = 0;
      const body = fragmentOf(this.#offer.sdp, this.#candidates.splice(0));
      if (this.#pc.connectionState !== 'connected') {
        fetch(this.#location, {
          method: 'PATCH',
          headers: { 'Content-Type': 'application/trickle-ice-sdpfrag',
            ...authorization(this.#conf) },
          body,
        }).catch(() => {}); /* if it mattered there will be no connection */
      }
    }

    #connected() {
      return new Promise((resolve, reject) => {
        const fail = async () => {
          clearTimeout(limit);
          reject(new Problem(await this.#whyNotConnected()));
        };
        const limit = setTimeout(fail, CONNECT_LIMIT_MS);
        this.#pc.onconnectionstatechange = () => {
          if (this.#pc.connectionState === 'connected') {
            clearTimeout(limit);
            this.#watch();
            resolve();
          } else if (this.#pc.connectionState === 'failed') {
            fail();
          }
        };
      });
    }

    async #whyNotConnected() {
      const stats = [...(await this.#pc.getStats()).values()];
      if (stats.some((entry) => entry.type === 'candidate-pair' && entry.responsesReceived > 0)) {
        return 'The server answers, but no encrypted connection (DTLS) could be made.';
      }
      const tried = stats.filter((entry) => entry.type === 'remote-candidate')
        .map((entry) => `${entry.address}:${entry.port}/${entry.protocol}`);
      const own = stats.filter((entry) => entry.type === 'local-candidate')
        .map((entry) => entry.candidateType);
      if (own.length === 0) {
        return 'This browser has no network for WebRTC; a setting or an extension may forbid it.';
      }
      return `No answer from ${tried.join(', ') || 'the server, which named no address'}. `
        + 'A firewall may block UDP, or the server is known here by another address '
        + `(webrtcAdditionalHosts), or a TURN server is needed. This browser has tried as: ${
          [...new Set(own)].join(', ')}.`;
    }

    /* From now on what happens is a drop. */
    #watch() {
      const drop = (text) => {
        clearInterval(this.#lookTimer);
        this.#drop(text);
      };
      this.#pc.onconnectionstatechange = () => drop('The connection was lost.');
      for (const { transport } of this.#pc.getReceivers()) {
        /* The server says goodbye when the stream ends; that is seen only here. */
        transport?.addEventListener('statechange', () => drop('The stream has ended.'));
      }
      let heard = performance.now();
      this.#lookTimer = setInterval(async () => {
        if (await this.#hasReceived()) {
          heard = performance.now();
        } else if (performance.now() - heard > this.#conf.silenceMs()) {
          drop('Nothing comes any more.');
        }
      }, LOOK_EVERY_MS);
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

    /*
     * A stream of few pictures is silent for long. Each drop for silence that turns out to be none,
     * because the next session is silent too, makes the reader more patient.
     */
    #silenceMs = SILENCE_FIRST_MS;

    /**
     * @param {Object} conf
     * @param {string} conf.url of the WHEP endpoint
     * @param {string} [conf.user] with conf.pass: HTTP Basic
     * @param {string} [conf.pass]
     * @param {string} [conf.token] or this: HTTP Bearer
     * @param {(event: RTCTrackEvent) => void} [conf.onTrack] also of each later session
     * @param {(event: RTCDataChannelEvent) => void} [conf.onDataChannel]
     * @param {(text: string, problem: Error) => void} [conf.onError] why there is no picture; the
     *   reader tries again, unless problem.status is 401
     * @param {(text: string) => void} [conf.onWarning] tracks that are left out, and why
     * @param {(state: string) => void} [conf.onState] 'connecting', 'connected', 'waiting' for the
     *   next attempt, 'closed'
     */
    constructor(conf) {
      this.#conf = { ...conf, silenceMs: () => this.#silenceMs };
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
      let failures = 0;
      while (!this.#isClosed) {
        const problem = await this.#attempt();
        failures = problem ? failures + 1 : 0;
        const why = problem ?? await this.#current.dropped.then((text) => new Problem(text));
        if (this.#isClosed) {
          return;
        }
        this.#enter('waiting');
        this.#conf.onError?.(why.message, why);
        if (why.status === 401) {
          this.close();
        } else if (problem) {
          await sleep(this.#pause(failures));
        }
      }
    }

    /* Gives the Problem, or null when it is connected. */
    async #attempt() {
      this.#enter('connecting');
      const next = this.#next ?? new Session(this.#conf);
      this.#next = next;
      let problem = null;
      try {
        await next.connect();
      } catch (error) {
        problem = error;
      }
      /* Until now the old one may have had something to show. */
      this.#current?.close();
      this.#current = null;
      if (!problem) {
        this.#current = next;
        this.#next = null;
        this.#enter('connected');
      } else if (!next.isFresh) {
        next.close();
        this.#next = null;
      }
      return problem;
    }

    /* Not all at the same moment: many pages may have lost the same server. */
    #pause(failures) {
      return Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_LAST_MS) * (0.75 + Math.random() / 4);
    }
  }

  globalThis.MediaMTXWebRTCReader = MediaMTXWebRTCReader;
}
