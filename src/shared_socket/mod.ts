/**
 * The conventions between relays, daemons and commands: the private folder with the sockets, their addresses, and the
 * first line that each side sends. Of MCP it knows only the notification by which a daemon announces its end. Imports
 * `config/startup` and the leaves.
 *
 * @module
 */
export {
  connectSocket,
  type DaemonEntry,
  type DaemonFiles,
  daemonFiles,
  listDaemonFiles,
  listenOnSocket,
  type SharedConnection,
  type SharedListener,
} from "./address.ts";
export { readFolderSecret } from "./folder_secret.ts";
export {
  findPrivateFolders,
  openPrivateFolder,
  type PrivateFolders,
  SharingError,
} from "./private_folder.ts";
export { ENDING_METHOD, type Hello, type HelloAnswer, isHello, MAX_HELLO_BYTES } from "./hello.ts";
export {
  closeConnection,
  type FirstLine,
  FirstLineError,
  type FirstLineLimits,
  parseLine,
  readFirstLine,
  SocketStream,
  untilClosed,
  writeLine,
} from "./socket_stream.ts";
export { greetDaemon, type GreetedDaemon, readStatus } from "./greet_daemon.ts";
