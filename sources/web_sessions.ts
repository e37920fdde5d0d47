import type { SessionsSource } from '../lambdas/shared/sessions-source';

/** What came of the visits to the order pages: events of one browser tab, cut where it lay idle. */
export const webSessions: SessionsSource = {
  kind: 'sessions',
  name: 'web_sessions',
  dataset: 'web_sessions',
  events: 'web_events',
  visitor: ['session_id'],
  time: 'occurred_at',
  idleMinutes: 30,
  columns: {
    events: { take: 'count' },
    page_views: { take: 'count', where: { event_type: ['page_view'] } },
    searches: { take: 'count', where: { event_type: ['search'] } },
    baskets: { take: 'count', where: { event_type: ['add_to_basket'] } },
    first_page: { take: 'first', of: 'page_url' },
    last_page: { take: 'last', of: 'page_url' },
    customer_id: { take: 'last', of: 'customer_id' },
    order_id: { take: 'last', of: 'order_id', where: { event_type: ['order_placed'] } },
    has_ordered: { take: 'any', where: { event_type: ['order_placed'] } },
  },
};
