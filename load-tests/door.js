// The doors of a large event open: every ticket is scanned once, a tenth of them twice, by as many scanners as there are virtual users, through all
// edges. At its end everybody was let in once.
import exec from 'k6/execution';
import http from 'k6/http';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { at, edges, figure, headers, key, publish, register, short, verdict } from './lib/api.js';

const BOOKING = 100;
const BOOKINGS = short ? 4 : 60;
const TICKETS = BOOKING * BOOKINGS;
const AGAIN = TICKETS / 10;

const admitted = new Counter('scans_admitted');
const already = new Counter('scans_already_admitted');
const unexpected = new Counter('answers_unexpected');
const scan = new Trend('scan_duration', true);
const moment = new Trend('moment');

export const options = {
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  setupTimeout: '120s',
  scenarios: { door: { executor: 'shared-iterations', vus: 16, iterations: TICKETS + AGAIN, maxDuration: '120s' } },
  thresholds: {
    scans_admitted: [`count==${TICKETS}`],
    scans_already_admitted: [`count==${AGAIN}`],
    answers_unexpected: ['count==0'],
    checks: ['rate==1'],
  },
};

function ask(method, path, token, body) {
  const answer = http.request(method, edges[0] + path, body && JSON.stringify(body), { headers: headers(token, { 'Idempotency-Key': key() }) });
  if (answer.status >= 300) exec.test.abort(`${method} ${path}: ${answer.status} ${answer.body}`);
  return answer.json();
}

export function setup() {
  const event = publish('The doors open', TICKETS, 0, BOOKING * 10);
  const codes = [];
  let buyer;
  for (let number = 0; number < BOOKINGS; number += 1) {
    if (number % 10 === 0) buyer = register(`buyer${number}`);
    const booking = ask('POST', '/api/bookings', buyer, { event_id: event.id, items: [{ ticket_type_id: event.ticket, quantity: BOOKING }] });
    for (const ticket of ask('GET', `/api/bookings/${booking.id}/tickets`, buyer).items) codes.push(ticket.code);
  }
  return { event, codes };
}

export default function ({ event, codes }) {
  const code = codes[exec.scenario.iterationInTest % TICKETS];
  const body = JSON.stringify({ code, event_id: event.id, gate: `gate ${exec.vu.idInTest}` });
  const answer = http.post(at('/api/checkin'), body, { headers: headers(event.organiser), tags: { name: 'checkin' } });
  scan.add(answer.timings.duration);
  moment.add(Date.now());
  const result = answer.status === 200 ? answer.json('result') : answer.status;
  if (result === 'admitted') admitted.add(1);
  else if (result === 'already-admitted') already.add(1);
  else {
    unexpected.add(1);
    console.error(`${answer.status} ${answer.body}`);
  }
}

export function teardown({ event }) {
  const lists = ask('GET', `/api/events/${event.id}/checkin-lists`, event.organiser);
  check(lists, { 'everybody was let in once': (all) => all.items[0].admissions === TICKETS });
}

export function handleSummary(data) {
  const seconds = (figure(data, 'moment', 'max') - figure(data, 'moment', 'min')) / 1000;
  const scans = figure(data, 'scans_admitted', 'count') + figure(data, 'scans_already_admitted', 'count');
  return verdict('door', data, [
    `${figure(data, 'scans_admitted', 'count')} of ${TICKETS} tickets let in, ${figure(data, 'scans_already_admitted', 'count')} of ${AGAIN} shown again, ${figure(data, 'answers_unexpected', 'count')} unexpected answers`,
    `${(scans / seconds).toFixed(0)} scans a second, with 16 scanners that wait for each answer`,
    `scan: median ${figure(data, 'scan_duration', 'med').toFixed(1)} ms, p95 ${figure(data, 'scan_duration', 'p(95)').toFixed(1)} ms, p99 ${figure(data, 'scan_duration', 'p(99)').toFixed(1)} ms`,
  ]);
}
