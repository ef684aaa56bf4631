import {
  createMemoryChannels,
  type IncomingRequest,
  Peer,
  type PeerHandler,
} from "../../src/jsonrpc/mod.ts";

/** A peer whose other side is the test. */
export interface PeerFixture {
  readonly peer: Peer;
  readonly sendToPeer: (line: string) => void;
  /** The lines that the peer sent. */
  readonly sentLines: string[];
  /** The peer's descriptions of unexpected messages. */
  readonly unexpectedMessages: string[];
  /** The requests that the peer received. */
  readonly receivedRequests: IncomingRequest[];
}

/** Opens a peer that keeps the requests that it receives. */
export function openPeer(handler: Partial<PeerHandler> = {}): PeerFixture {
  const [peerChannel, testChannel] = createMemoryChannels();
  const [sentLines, unexpectedMessages, receivedRequests]: [string[], string[], IncomingRequest[]] =
    [[], [], []];
  testChannel.open({
    message: (text) => void sentLines.push(text),
    dropped: () => {},
    closed: () => {},
  });
  const peer = new Peer(peerChannel, {
    request: (request) => void receivedRequests.push(request),
    notification: () => {},
    unexpected: (description) => void unexpectedMessages.push(description),
    closed: () => {},
    ...handler,
  });
  return {
    peer,
    sendToPeer: (line) => testChannel.send(line),
    sentLines,
    unexpectedMessages,
    receivedRequests,
  };
}
