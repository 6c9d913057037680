import type { Words } from "./index";
// Written without a native reader, as the alert texts are: who warns must read them first.
export const ar: Words = {
  phase: {
    warn: "احتمِ الآن", update: "احتمِ، تغيّر الإنذار", "impact-expected": "سقوط متوقع", stay: "ابقَ في الملجأ",
    "all-clear": "زال الخطر", withdrawn: "أُلغي الإنذار", quiet: "هادئ",
  },
  kind: {
    rocket: "صاروخ", mortar: "قذيفة هاون", shell: "قذيفة مدفع", aircraft: "طائرة", helicopter: "مروحية",
    drone: "طائرة مسيّرة", bird: "طائر", other: "غير معروف",
  },
  noAlarm: "لا إنذار",
  seconds: "{s} ث", inSeconds: "خلال {s} ث", plusMinus: "± {s} ث", due: "الآن", later: "بعد الموعد بـ {s} ث", sooner: "قبل الموعد بـ {s} ث",
  acknowledge: "تأكيد", acknowledgedBy: "رآه {who}", more: "و{n} غيره",
  armSound: "تفعيل الصوت", soundArmed: "الصوت مفعّل", silence: "إسكات الصوت",
  stale: "انقطع الاتصال: لم يصل شيء منذ {s} ث. المعروض قديم.", noPicture: "عمر الصورة {s} ث.",
  sensorLost: "المستشعر {name}: {state}. {why}", unwatched: "المنطقة {name} غير مراقبة. {why}", everyZone: "لا منطقة مراقبة.",
  zones: "المناطق", tracks: "المسارات", alarms: "الإنذارات", sensors: "المستشعرات", channels: "القنوات", none: "لا شيء",
  zone: "المنطقة", state: "الحالة", time: "الوقت", id: "المسار", sort: "النوع", height: "الارتفاع", speed: "السرعة", impact: "السقوط",
  watched: "مراقبة", notWatched: "غير مراقبة", textView: "نصًّا", mapView: "خريطة", language: "اللغة",
  theme: "فاتح أو داكن", why: "لماذا هذا الإنذار", close: "إغلاق", play: "تشغيل", pause: "إيقاف", back: "إلى الوراء",
  timeSlider: "وقت الإعادة", rate: "السرعة", noMap: "الخريطة تحتاج WebGL2 وهو غير متوفر. كل شيء معروض نصًّا.",
  signIn: "دخول", user: "الاسم", password: "كلمة المرور", wrong: "اسم أو كلمة مرور خاطئة.", site: "الموقع", threatens: "يهدد موقعًا محميًّا",
  roundLike: "مقذوف", heightUnknown: "غير معروف", chance: "الاحتمال", lists: "القوائم", main: "الخريطة", sent: "أُرسل", lost: "فُقد",
  viewer: "لك أن تنظر، لا أن تؤكد.",
  notSeen: "لم يصل إقرارك إلى المحطة: {why}",
  toAlarm: "إلى إنذار", toBookmark: "العلامات", bookmark: "ضع علامة هنا", unmark: "أزل العلامة",
  keys: "المفاتيح", keysOn: "مفاتيح من حرف واحد", keysWhy: "تُعطَّل أو تُبدَّل لمن يملي صوتيًّا أو يضغط سهوًا. يحفظها هذا المتصفح.", key: "المفتاح", does: "يفعل",
  keysAll: "كل زر وقائمة وحقل؛ إغلاق المفتوح", signOut: "خروج",
  unknown: "لم تعد المحطة تعرف إنذار {name} ولم يكن قد انتهى. هذا ليس زوالًا للخطر.",
  health: { ok: "سليم", waiting: "في الانتظار", degraded: "متدهور", lost: "مفقود" },
  export: "تصدير", still: "صورة (PNG)", video: "فيديو", lasting: "المدة", format: "الصيغة", cancel: "إلغاء", noEncoder: "هذا المتصفح لا يستطيع ترميز {format}.",
};
