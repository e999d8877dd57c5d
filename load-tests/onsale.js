// The moment a popular event goes on sale: everybody at once, one event, all edges. At its end the books must balance: what is
// gone from the shelf is exactly what was promised in answers.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { at, edges, figure, headers, key, publish, register, short, verdict } from './lib/api.js';

const CAPACITY = short ? 200 : 2000;
const BUYERS = short ? 5 : 40;

const accepted = new Counter('tickets_accepted');
const soldOut = new Counter('answers_sold_out');
const held = new Counter('answers_too_many_holds');
const busy = new Counter('answers_try_again');
const unexpected = new Counter('answers_unexpected');
const left = new Counter('tickets_left');
// Adds what answers promised and subtracts what left the shelf: 0 or something is wrong.
const imbalance = new Counter('imbalance');
const hold = new Trend('hold_duration', true);

export const options = {
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: 20,
      timeUnit: '1s',
      preAllocatedVUs: short ? 50 : 200,
      maxVUs: short ? 100 : 400,
      stages: short
        ? [{ target: 150, duration: '2s' }, { target: 150, duration: '3s' }]
        : [{ target: 400, duration: '5s' }, { target: 400, duration: '20s' }, { target: 20, duration: '5s' }],
    },
  },
  thresholds: { tickets_accepted: ['count>0'], imbalance: ['count==0'], answers_unexpected: ['count==0'], checks: ['rate==1'] },
};

export function setup() {
  const event = publish('The one that everybody wants', CAPACITY, 4500, 100);
  return { event, buyers: Array.from({ length: BUYERS }, (_, n) => register(`buyer${n}`)) };
}

export default function ({ event, buyers }) {
  const quantity = 1 + Math.floor(Math.random() * 2);
  const body = JSON.stringify({ event_id: event.id, items: [{ ticket_type_id: event.ticket, quantity }] });
  const token = buyers[Math.floor(Math.random() * buyers.length)];
  const options = { headers: headers(token, { 'Idempotency-Key': key() }), tags: { name: 'hold' } };
  let answer;
  // An unknown outcome is asked again with the same key; 503 is certainly not done.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    answer = http.post(at('/api/bookings'), body, options);
    if (answer.status !== 504 && answer.status !== 502 && answer.status !== 0) break;
  }
  hold.add(answer.timings.duration);
  const type = answer.status === 201 ? '' : answer.json('type');
  if (answer.status === 201) {
    accepted.add(quantity);
    imbalance.add(quantity);
  } else if (type === '/problems/sold-out' || type === '/problems/over-limit') {
    soldOut.add(1);
  } else if (type === '/problems/too-many-holds') {
    held.add(1);
  } else if (answer.status === 503) {
    busy.add(1);
  } else {
    unexpected.add(1);
    console.error(`${answer.status} ${answer.body}`);
  }
}

export function teardown({ event }) {
  // Edges see the last commits a moment later; both must come to the same.
  sleep(2);
  const views = edges.map((edge) => http.get(`${edge}/api/events/${event.id}/availability`).json('ticket_types.0.available'));
  check(views, { 'all edges agree': (all) => all.every((view) => view === all[0]) });
  left.add(views[0]);
  imbalance.add(views[0] - CAPACITY);
}

export function handleSummary(data) {
  const count = (metric) => figure(data, metric, 'count');
  return verdict('onsale', data, [
    `${count('tickets_accepted')} of ${CAPACITY} tickets promised in answers, ${CAPACITY - count('tickets_left')} gone from the shelf, ${count('tickets_left')} left`,
    `${count('iterations')} attempts: ${count('answers_sold_out')} told sold out, ${count('answers_try_again')} told to try again, ${count('answers_unexpected')} unexpected, ${count('dropped_iterations')} never started for want of virtual users`,
    ...(count('answers_too_many_holds') > 0
      ? [`${count('answers_too_many_holds')} told that too much is held from this address: SPIN_VARIABLE_HELD_PLACES_PER_ADDRESS=1000000 lets one machine buy for many`]
      : []),
    `hold: median ${figure(data, 'hold_duration', 'med').toFixed(1)} ms, p95 ${figure(data, 'hold_duration', 'p(95)').toFixed(1)} ms, p99 ${figure(data, 'hold_duration', 'p(99)').toFixed(1)} ms`,
  ]);
}
