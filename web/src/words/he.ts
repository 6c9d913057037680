import type { Words } from "./index";
// Written without a native reader, as the alert texts are: who warns must read them first.
export const he: Words = {
  phase: {
    warn: "היכנסו למחסה", update: "היכנסו למחסה, עודכן", "impact-expected": "צפויה נפילה", stay: "הישארו במחסה",
    "all-clear": "הסכנה חלפה", withdrawn: "ההתרעה בוטלה", quiet: "שקט",
  },
  kind: {
    rocket: "רקטה", mortar: "פצצת מרגמה", shell: "פגז", aircraft: "מטוס", helicopter: "מסוק",
    drone: "רחפן", bird: "ציפור", other: "לא ידוע",
  },
  noAlarm: "אין התרעה",
  seconds: "{s} ש׳", inSeconds: "בעוד {s} ש׳", plusMinus: "± {s} ש׳", due: "עכשיו", later: "{s} ש׳ מאוחר מהנאמר", sooner: "{s} ש׳ מוקדם מהנאמר",
  acknowledge: "אישור", acknowledgedBy: "נראה על ידי {who}", more: "ועוד {n}",
  armSound: "הפעלת קול", soundArmed: "הקול מופעל", silence: "השתקה",
  stale: "הקשר אבד: דבר לא הגיע {s} ש׳. המוצג ישן.", noPicture: "התמונה בת {s} ש׳.",
  sensorLost: "חיישן {name}: {state}. {why}", unwatched: "אזור {name} אינו נצפה. {why}", everyZone: "אף אזור אינו נצפה.",
  zones: "אזורים", tracks: "מסלולים", alarms: "התרעות", sensors: "חיישנים", channels: "ערוצים", none: "אין",
  zone: "אזור", state: "מצב", time: "זמן", id: "מסלול", sort: "סוג", height: "גובה", speed: "מהירות", impact: "נפילה",
  watched: "נצפה", notWatched: "לא נצפה", textView: "כטקסט", mapView: "מפה", language: "שפה",
  theme: "בהיר או כהה", why: "מדוע ההתרעה", close: "סגירה", play: "נגן", pause: "השהה", back: "לאחור",
  timeSlider: "זמן השידור החוזר", rate: "מהירות", noMap: "המפה זקוקה ל-WebGL2 שאינו כאן. הכול מוצג כטקסט.",
  signIn: "כניסה", user: "שם", password: "סיסמה", wrong: "שם או סיסמה שגויים.", site: "אתר", threatens: "מאיים על נכס",
  roundLike: "קליע", heightUnknown: "לא ידוע", chance: "סיכוי", lists: "רשימות", main: "מפה", sent: "נשלחו", lost: "אבדו",
  viewer: "מותר לך להביט, לא לאשר.",
  notSeen: "האישור לא הגיע לתחנה: {why}",
  toAlarm: "אל התרעה", toBookmark: "סימניות", bookmark: "סימנייה כאן", unmark: "הסרת הסימנייה",
  keys: "מקשים", keysOn: "מקשים של תו אחד", keysWhy: "לכיבוי או לשינוי, למי שמכתיב או לוחץ בטעות. נשמר בדפדפן זה.", key: "מקש", does: "פעולה",
  keysAll: "כל כפתור, רשימה ושדה; סגירת מה שפתוח", signOut: "יציאה",
  unknown: "התחנה אינה מכירה עוד את ההתרעה באזור {name}, שלא הסתיימה. אין זו הודעה שהסכנה חלפה.",
  health: { ok: "תקין", waiting: "ממתין", degraded: "מוגבל", lost: "אבוד" },
  export: "ייצוא", still: "תמונה (PNG)", video: "וידאו", lasting: "משך", format: "תבנית", cancel: "ביטול", noEncoder: "הדפדפן אינו יודע לקודד {format}.",
};
