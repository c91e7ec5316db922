// Icons: strokes on a grid of 24. They never stand for a text alone; whoever uses one names it.

const shapes = {
  alert: 'M12 3 2 20h20zM12 10v4M12 17v.5',
  calendar: 'M4 5h16v16H4zM4 10h16M8 3v4M16 3v4',
  check: 'M4 12l5 5L20 6',
  close: 'M5 5l14 14M19 5L5 19',
  copy: 'M9 9h12v12H9zM5 15H3V3h12v2',
  dashboard: 'M3 3h8v10H3zM13 3h8v6h-8zM13 11h8v10h-8zM3 15h8v6H3z',
  datastore: 'M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0',
  down: 'M6 9l6 6 6-6',
  download: 'M12 3v12M7 11l5 5 5-5M4 20h16',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  eject: 'M12 4l8 10H4zM4 19h16',
  external: 'M10 5H4v15h15v-6M14 4h6v6M20 4l-9 9',
  file: 'M6 2h8l5 5v15H6zM14 2v6h5',
  folder: 'M3 5h7l2 3h9v12H3z',
  filter: 'M3 5h18l-7 8v6l-4 2v-8z',
  help: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .9-1 1.7M12 16.5v.5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v6M12 7v.5',
  key: 'M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8M11 12l9-9M16 7l3 3',
  left: 'M15 6l-6 6 6 6',
  lock: 'M5 11h14v10H5zM8 11V7a4 4 0 0 1 8 0v4',
  logout: 'M10 3H4v18h6M15 8l4 4-4 4M19 12H9',
  menu: 'M4 6h16M4 12h16M4 18h16',
  minus: 'M5 12h14',
  more: 'M5 12v.5M12 12v.5M19 12v.5',
  note: 'M5 3h14v18H5zM9 8h6M9 12h6M9 16h3',
  overlap: 'M3 3h12v12H3zM9 9h12v12H9z',
  play: 'M7 4l12 8-12 8z',
  plug: 'M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4',
  plus: 'M12 5v14M5 12h14',
  refresh: 'M20 5v6h-6M4 19v-6h6M5.5 9A7 7 0 0 1 18 7l2 4M18.5 15A7 7 0 0 1 6 17l-2-4',
  right: 'M9 6l6 6-6 6',
  search: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M15 15l6 6',
  server: 'M3 4h18v7H3zM3 13h18v7H3zM7 7.5v.5M7 16.5v.5',
  settings: 'M4 7h10M18 7h2M14 4v6M4 17h2M10 17h10M10 14v6',
  shield: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z',
  stop: 'M6 6h12v12H6z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5',
  tape: 'M3 5h18v14H3zM8 9a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M16 9a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M8 19l1-3h6l1 3',
  tasks: 'M9 6h12M9 12h12M9 18h12M3 6l1.5 1.5L7 5M3 12l1.5 1.5L7 11M3 18l1.5 1.5L7 17',
  trash: 'M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15M10 10v7M14 10v7',
  up: 'M6 15l6-6 6 6',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 21c0-9 16-9 16 0',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
      strokeLinecap="round"
      strokeLinejoin="round"
      style={{ flex: 'none' }}
    >
      <path d={shapes[name]} />
    </svg>
  );
}
