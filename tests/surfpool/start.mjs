// usage: node start.mjs PROGRAM_ID PROGRAM_FILE
//
// Starts a cluster of one node with the program on it, prints where it is as one line of JSON, and
// stops when standard input closes.
import { createRequire } from "node:module";

const SLOT_MILLIS = 50;
// The node stands still once about a thousand of its events wait; each slot is one.
const DRAIN_MILLIS = 1000;

const [programId, soPath] = process.argv.slice(2);
if (!soPath) {
  console.error("usage: node start.mjs PROGRAM_ID PROGRAM_FILE");
  process.exit(2);
}
// A native module, without any JavaScript beside it.
const { Surfnet } = createRequire(import.meta.url)("@solana/surfpool-linux-x64-gnu");

const net = Surfnet.startWithConfig({
  offline: true,
  blockProductionMode: "clock",
  slotTimeMs: SLOT_MILLIS,
});
net.deploy({ programId, soPath });
console.log(
  JSON.stringify({
    rpcUrl: net.rpcUrl,
    wsUrl: net.wsUrl,
    payer: Array.from(net.payerSecretKey),
  }),
);

setInterval(() => net.drainEvents(), DRAIN_MILLIS);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
