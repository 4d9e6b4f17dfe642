// The client up to version 2: one package, `nats`.
import { connect } from "nats";
import { address, asks, filter, number, reads } from "./shared.mjs";

const nc = await connect({ servers: address, user: "crm", pass: "secret" });
const manager = await nc.jetstreamManager();
await asks(manager);
await reads(manager, nc.jetstream().consumers, "old", { filterSubjects: [filter] });

// Its older interface looks the stream up by the subject.
const subscription = await nc.jetstream().pullSubscribe(filter, { config: { durable_name: "older", ack_policy: "explicit" } });
subscription.pull({ batch: 1, expires: 30000 });
for await (const m of subscription) {
  m.ack();
  console.log(`read event ${number(m)}`);
  break;
}
await nc.close();
