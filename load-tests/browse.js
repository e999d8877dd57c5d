// People who look around: searches, event pages and availability over many events, through all edges.
import http from 'k6/http';
import { check } from 'k6';
import { Trend } from 'k6/metrics';
import { at, figure, short, verdict } from './lib/api.js';

const search = new Trend('search_duration', true);
const page = new Trend('page_duration', true);
const availability = new Trend('availability_duration', true);

export const options = {
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    browse: { executor: 'constant-vus', vus: short ? 4 : 20, duration: short ? '4s' : '30s' },
  },
  // No bounds on time: how fast is fast enough depends on the machine. Wrong answers are wrong everywhere.
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'] },
};

const WORDS = ['night', 'jazz', 'live', 'festival', 'open', 'talk', 'strings'];
const any = (list) => list[Math.floor(Math.random() * list.length)];

export function setup() {
  const events = [];
  let cursor = null;
  do {
    const answer = http.get(at(`/api/events?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)).json();
    events.push(...answer.items.map((event) => ({ id: event.id, city: event.venue.city, category: event.category })));
    cursor = answer.next_cursor;
  } while (cursor && events.length < 1000);
  return { events };
}

export default function ({ events }) {
  const some = events.length ? any(events) : null;
  const queries = [`q=${any(WORDS)}`, 'available=true&sort=price&currency=EUR', 'limit=50'];
  if (some) queries.push(`city=${encodeURIComponent(some.city)}`, `category=${some.category}&sort=-starts_at`);
  const found = http.get(at(`/api/events?${any(queries)}`), { tags: { name: 'search' } });
  search.add(found.timings.duration);
  check(found, { 'search answers 200': (answer) => answer.status === 200 && Array.isArray(answer.json('items')) });
  if (!some) return;
  const shown = http.get(at(`/api/events/${some.id}`), { tags: { name: 'page' } });
  page.add(shown.timings.duration);
  check(shown, { 'page shows the event': (answer) => answer.status === 200 && answer.json('id') === some.id });
  const left = http.get(at(`/api/events/${some.id}/availability`), { tags: { name: 'availability' } });
  availability.add(left.timings.duration);
  check(left, {
    'availability is within capacity': (answer) =>
      answer.status === 200 && answer.json('ticket_types').every((type) => type.available >= 0 && type.available <= type.capacity),
  });
}

export function handleSummary(data) {
  const line = (name, metric) =>
    `${name}: median ${figure(data, metric, 'med').toFixed(1)} ms, p95 ${figure(data, metric, 'p(95)').toFixed(1)} ms, p99 ${figure(data, metric, 'p(99)').toFixed(1)} ms`;
  return verdict('browse', data, [
    `${figure(data, 'http_reqs', 'count')} requests, ${figure(data, 'http_reqs', 'rate').toFixed(0)} a second`,
    line('search', 'search_duration'),
    line('event page', 'page_duration'),
    line('availability', 'availability_duration'),
  ]);
}
