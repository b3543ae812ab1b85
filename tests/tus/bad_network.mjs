// Uploads files with tus-js-client through a proxy that cuts connections, as a plan says:
//   node bad_network.mjs plan.json result.json
// plan: seed, proxy_port, target_port, cut_after [least, most] bytes or null, pace (bytes a second
// of each connection, or null), uploads [{url, endpoint, metadata, file}]; without url it is created at
// the endpoint, and sends no bytes with that. result: what happened on the way.
// Ends with 1 if an upload fails, or if the server takes back what it has acknowledged.
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import * as tus from "tus-js-client";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const result = { connections: 0, cuts: 0, silent_cuts: 0, lost_answers: 0, resumed: 0 };

let state = plan.seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const between = (least, most) => least + Math.floor(random() * (most - least));

// One connection: it ends after so many bytes of the client, in one of three ways.
function carry(client) {
  ++result.connections;
  const server = net.connect(plan.target_port, "127.0.0.1");
  let left = plan.cut_after ? between(...plan.cut_after) : Infinity;
  const way = random();
  let lose_answer = false;
  const end = () => { client.destroy(); server.destroy(); };
  for (const socket of [client, server]) {
    socket.on("error", end);
    socket.on("close", end);
    socket.setNoDelay(true);
  }
  client.on("data", (bytes) => {
    const piece = bytes.subarray(0, left);
    left -= piece.length;
    const flows = server.write(piece);
    if (left <= 0) {
      ++result.cuts;
      client.removeAllListeners("data");
      if (way < 0.2) {
        // The network is gone: the server hears nothing, not even an end.
        ++result.silent_cuts;
        server.removeAllListeners("close");
        client.removeAllListeners("close");
        client.destroy();
        setTimeout(() => server.destroy(), 6000).unref();
      } else if (way < 0.4) {
        lose_answer = true;
        setTimeout(end, 50);
      } else {
        // What was written so far may still arrive.
        client.destroy();
        server.end();
      }
      return;
    }
    if (!flows) {
      client.pause();
      server.once("drain", () => client.resume());
    }
    if (plan.pace) {
      client.pause();
      setTimeout(() => client.resume(), (1000 * piece.length) / plan.pace);
    }
  });
  server.on("data", (bytes) => {
    if (lose_answer) {
      ++result.lost_answers;
      end();
    } else if (!client.destroyed) {
      client.write(bytes);
    }
  });
}

function upload({ url, endpoint, metadata, file }) {
  const bytes = readFileSync(file);
  let acknowledged = 0;
  return new Promise((resolve, reject) => {
    const created = !url || random() < 0.3;
    const task = new tus.Upload(bytes, {
      ...(created ? { endpoint } : { uploadUrl: url }),
      uploadSize: bytes.length,
      uploadDataDuringCreation: random() < 0.5 && Boolean(url),
      chunkSize: plan.pace || random() < 0.5 ? between(100_000, 300_000) : Infinity,
      metadata: metadata ?? { filename: "picture.png" },
      retryDelays: Array(200).fill(100),
      storeFingerprintForResuming: false,
      onAfterResponse(request, response) {
        const offset = Number(response.getHeader("Upload-Offset") ?? NaN);
        if (!(offset >= 0)) return;
        if (request.getMethod() === "HEAD") ++result.resumed;
        if (offset < acknowledged) {
          reject(new Error(`${acknowledged} bytes were acknowledged, ${offset} are there`));
        }
        acknowledged = offset;
      },
      onError: reject,
      onSuccess: resolve,
    });
    task.start();
  });
}

const proxy = net.createServer(carry);
await new Promise((resolve) => proxy.listen(plan.proxy_port, "127.0.0.1", resolve));
const waiting = [...plan.uploads];
async function work() {
  while (waiting.length > 0) await upload(waiting.shift());
}
try {
  await Promise.all(Array.from({ length: 4 }, work));
} catch (error) {
  console.error(error.message ?? error);
  process.exit(1);
}
writeFileSync(process.argv[3], JSON.stringify(result));
process.exit(0);
