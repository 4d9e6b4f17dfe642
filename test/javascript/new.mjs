// The client from version 3 on: a package for each part.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { address, asks, filter, reads } from "./shared.mjs";

const nc = await connect({ servers: address, user: "crm", pass: "secret" });
const manager = await jetstreamManager(nc);
await asks(manager);
await reads(manager, jetstream(nc).consumers, "new", { filter_subjects: [filter] });
console.log("read event 0");
await nc.close();
