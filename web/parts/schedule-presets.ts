// Schedules that many want, by the word that tells of each.

export const schedulePresets = [
  ['hourly', 'hourly'],
  ['0/2:00', 'twoHours'],
  ['daily', 'daily'],
  ['02:00', 'night'],
  ['mon..fri 22:00', 'workdays'],
  ['mon..fri 8..18:00,30', 'office'],
  ['sat 18:15', 'weekend'],
  ['monthly', 'monthly'],
  ['sat *-*-1..7 05:00', 'firstSaturday'],
  ['yearly', 'yearly'],
] as const;
