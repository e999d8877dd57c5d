// A sale in whose middle the node that decides dies: `cargo xtask load failover` starts the fleet, kills the node, and looks afterwards whether
// every booking that was acknowledged here is there. People ask again with the same key until they are told yes or no.
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { at, figure, headers, key, publish, register, short, verdict } from './lib/api.js';

const CAPACITY = 1000000;
const BUYERS = short ? 5 : 20;
// Longer than any failover: who asks so often for so long is told in the end.
const TRIES = 60;

// When each booking was acknowledged, by this machine's clock, tagged with its id.
const acceptedAt = new Trend('accepted_at');
const acknowledged = new Counter('acknowledged');
const again = new Counter('answers_try_again');
const unknown = new Counter('answers_unknown');
const gaveUp = new Counter('gave_up');
const unexpected = new Counter('answers_unexpected');
const hold = new Trend('hold_duration', true);

export const options = {
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    onsale: {
      executor: 'constant-arrival-rate',
      rate: short ? 60 : 150,
      timeUnit: '1s',
      duration: short ? '12s' : '30s',
      preAllocatedVUs: short ? 100 : 300,
      maxVUs: short ? 400 : 1000,
    },
  },
  thresholds: { acknowledged: ['count>0'], answers_unexpected: ['count==0'], gave_up: ['count==0'] },
};

export function setup() {
  const event = publish('The one whose seller dies', CAPACITY, 4500, 1000);
  return { event, buyers: Array.from({ length: BUYERS }, (_, n) => register(`buyer${n}`)) };
}

export default function ({ event, buyers }) {
  const body = JSON.stringify({ event_id: event.id, items: [{ ticket_type_id: event.ticket, quantity: 1 }] });
  const token = buyers[Math.floor(Math.random() * buyers.length)];
  const options = { headers: headers(token, { 'Idempotency-Key': key() }), tags: { name: 'hold' }, timeout: '15s' };
  const began = Date.now();
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const answer = http.post(at('/api/bookings'), body, options);
    if (answer.status === 201) {
      acknowledged.add(1);
      acceptedAt.add(Date.now(), { booking: answer.json('id') });
      hold.add(Date.now() - began);
      return;
    }
    if (answer.status === 503) again.add(1);
    else if (answer.status === 504 || answer.status === 502 || answer.status === 0) unknown.add(1);
    else {
      unexpected.add(1);
      console.error(`${answer.status} ${answer.body}`);
      return;
    }
    sleep(0.2);
  }
  gaveUp.add(1);
}

export function handleSummary(data) {
  const count = (metric) => figure(data, metric, 'count');
  return verdict('failover', data, [
    `${count('acknowledged')} bookings acknowledged of ${count('iterations')} wanted; ${count('answers_try_again')} answers "not done, try again", ${count('answers_unknown')} unknown, ${count('gave_up')} gave up, ${count('dropped_iterations')} never started`,
    `from first asked to acknowledged: median ${figure(data, 'hold_duration', 'med').toFixed(1)} ms, p95 ${figure(data, 'hold_duration', 'p(95)').toFixed(1)} ms, longest ${figure(data, 'hold_duration', 'max').toFixed(0)} ms`,
  ]);
}
