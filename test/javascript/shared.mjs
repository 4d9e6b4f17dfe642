// What both generations of the client are asked to do; what differs is in
// old.mjs and new.mjs. The service has a user crm and the events "n": 0 to 9 of
// the agent hq/291.
import assert from "node:assert/strict";

export const address = process.env.NATS_ADDRESS;
export const filter = "ev.*.hq/291.huawei=2ETest";
export const number = (m) => Number(/"n":(\d+)/.exec(JSON.stringify(m.json().data))[1]);
export const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

// The first questions: is there JetStream, whose is the subject, what is there.
export async function asks(manager) {
  const account = await manager.getAccountInfo();
  assert.equal(account.streams, 1);
  assert.equal(await manager.streams.find("ev.>"), "EVENTS");
  await assert.rejects(manager.streams.find("$KV.keeper.>"), /no stream matches/);
  assert.deepEqual(await manager.streams.names().next(), ["EVENTS"]);
  assert.equal((await manager.streams.info("EVENTS")).config.name, "EVENTS");
  await assert.rejects(manager.streams.info("KV_keeper"), /permission/i);
  await assert.rejects(manager.consumers.add("EVENTS", { durable_name: "pushed", deliver_subject: "x" }), /pull consumers only/);
}

// Every way to read: one by one, a batch, without an end, in order.
export async function reads(manager, consumers, name, ordered) {
  await manager.consumers.add("EVENTS", { durable_name: name, ack_policy: "explicit", filter_subject: filter });
  const consumer = await consumers.get("EVENTS", name);
  const got = [];
  const first = await consumer.next({ expires: 30000 });
  got.push(number(first));
  assert.equal(await first.ackAck(), true);
  for await (const m of await consumer.fetch({ max_messages: 4, expires: 30000 })) {
    got.push(number(m));
    m.ack();
  }
  const messages = await consumer.consume();
  for await (const m of messages) {
    got.push(number(m));
    m.ack();
    if (got.length === all.length) break;
  }
  assert.deepEqual(got, all);

  const inOrder = await consumers.get("EVENTS", ordered);
  assert.equal(number(await inOrder.next({ expires: 30000 })), 0);

  const unnamed = await manager.consumers.add("EVENTS", { ack_policy: "none", filter_subject: filter });
  assert.equal(number(await (await consumers.get("EVENTS", unnamed.name)).next({ expires: 30000 })), 0);

  const listed = (await manager.consumers.list("EVENTS").next()).map((c) => c.name);
  assert.ok(listed.includes(name) && listed.includes(unnamed.name));
  assert.equal(await manager.consumers.delete("EVENTS", name), true);
}
