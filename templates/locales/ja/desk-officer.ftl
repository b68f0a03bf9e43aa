# The officer's desk.

home-title = ホーム
home-lead-late = 確認期限を過ぎた通知が{ $count }件あります。
home-lead-quiet = 期限を過ぎた通知はありません。
home-file = 事案を起票
home-late = 期限超過
home-late-none = 期限を過ぎた銀行はありません。
home-late-more = ここに表示していない期限超過がほかに{ $count }件あります（期限を過ぎて長いものから表示しています）。
home-was-due = 確認期限
home-number = 第{ $number }号
home-todo = 対応待ち
home-count = { $count }件
home-broken = 通知手段の不通
home-failing = 送信に失敗している宛先
home-failures = 連続{ $count }回失敗
home-unproven = 90日間到達の確認なし
home-unproven-since = 最後の確認
home-unproven-never = 確認の記録なし
home-unproven-note = テスト通知を送るか、銀行に問い合わせてください。
home-drafts = 下書き
home-draft-untitled = （件名なし）
home-draft-touched = 最終更新
home-board = 受領印の一覧
home-incidents-none = 事案はまだありません。

tally-delivered = 配信
tally-acknowledged = 受領確認
tally-bounced = うち不達
board-bounced = 次の銀行へのメールは不達でした。次の連絡先に送信し、元のメールも再送します：
board-title = 受領印
board-of = { $incident } の受領印
board-at = 時点：

incident-revision = { $incident } 第{ $revision }版
incident-number = 第{ $revision }版
incident-revise = 続報を作成
incident-tasks = タスク
incident-tasks-none = この事案のタスクはありません。
incident-task-since = 発生
incident-no-phone = 電話番号の登録なし
incident-script = 電話でお伝えする内容
incident-script-text =
    「{ $bank }様でいらっしゃいますか。不正対策の件で、至急のご連絡です。
    { $incident }について通知をお送りしましたが、受領確認をいただいていません。
    受信箱で内容をご確認のうえ、受領確認をお願いいたします。」
incident-script-exercise = 「これは訓練です。実際の不正出金は発生していません。実際の場合と同じようにご対応ください。」
incident-script-test = 「これは通知経路のテストです。実際の不正出金は発生していません。」
incident-script-note = お客様の氏名や口座番号は電話で話さないでください。電話は通知の代わりにはなりません。
incident-revisions = 版の履歴
incident-before = 変更前
incident-after = 変更後
incident-content = 通知の内容
incident-responses = 各行の対応
incident-responses-none = 回答はまだありません。
incident-banks = { $banks }行
incident-private = ほかに{ $banks }行が非公開で回答しています。
incident-withdraw = 取下げを申請
incident-withdraw-hint = 別の担当者が承認すると、通知を受けたすべての銀行に取下げをお知らせします。これまでの通知は残ります。
incident-withdraw-reason = 理由
incident-withdraw-text-ja = 説明（日本語）
incident-withdraw-text-en = 説明（英語）
incident-withdraw-replaces = 代わりに参照する事案（重複の場合）
incident-withdraw-send = 取下げを申請する
incident-withdrawal-waits = 取下げが承認を待っています

file-title = 事案を起票
file-title-revise = { $reference }の続報
file-lead = 分かっていることだけで発出できます。未確定の項目は「不明」のままで構いません。
file-clock-since = 最初の疑い
file-clock-by = 発出期限
file-clock-left = 残り
file-clock-over = 超過
file-goes-to =
    提携銀行{ $all }行中{ $count }行{ $observers ->
        [0] { "" }
       *[other] とオブザーバー{ $observers }件
    }に通知されます
file-goes-to-hint = 提携台帳（第{ $version }版）に載るすべての宛先です。宛先を選ぶことはできません。
file-warnings = 発出前にご確認ください
file-warning = 要確認
file-impersonal = お客様の氏名や口座番号、疑わしい取引の届出の有無は記入しないでください。
file-step-what = 何が起きたか
file-step-how = 手口と認証
file-step-when = いつ、どこで
file-step-scale = 規模
file-step-act = 講じた措置とお願い
file-step-more = そのほか
file-severity = 影響度
file-urgency = 緊急度
file-unknown = 不明
file-estimate = 概算
file-choose = 選択してください
file-not-said = 記載しない
file-unit-people = 人
file-unit-cases = 件
file-unit-banks = 行
file-unit-yen = 円
file-unit-money = 例：1200、12.50
file-currency = 通貨
file-currency-hint = JPY、USDなどの3文字です。
file-affected-banks = 次の銀行
file-affected-unknown = 不明
file-affected-none = なし
file-affected-codes = 銀行コード
file-affected-hint = 空白またはコンマで区切ってください。被害のあった銀行であり、宛先ではありません。
file-measures-scope = 選択した措置の範囲
file-measures-taken = 選択した措置の日時
file-measure-kept = 前回記載のとおり継続
file-measure-scope = 措置の範囲
file-measure-taken_at = 措置の日時
file-measure-planned_for = 実施予定の日時
file-measure-note = 備考
file-services-hint = 1行に1銀行：銀行コード | 新規口座連携 | チャージ | 払出し。状態は open（提供中）、suspended（停止中）、limited（制限中）、または空欄です。例：B001 | suspended | | open
file-more-report = 報告の区分・緊急度・取扱区分
file-more-inquiry = 調査の詳細
file-bodies-hint = 1行に1件：届出先 | 2019-05-16T18:05 | 受付番号。文中の縦線は \| と入力してください。
file-bodies-none = どこにも届け出ていない
file-contact = 連絡先 { $number }
file-contact-name = 氏名
file-contact-role = 役職
file-contact-email = メールアドレス
file-contact-phone = 電話番号
file-preview = プレビュー
file-issue =
    { $banks }行{ $observers ->
        [0] { "" }
       *[other] とオブザーバー{ $observers }件の
    }すべてに発出
file-nobody-chooses = 発出後の変更や削除はできません。続報か取下げで訂正します。

preview-title = プレビュー
preview-heading = { $bank }に届く内容
preview-lead =
    まだ発出していません。{ $banks }行{ $observers ->
        [0] { "" }
       *[other] とオブザーバー{ $observers }件の
    }すべてに、それぞれの番号と確認期限で届きます。
preview-moment = 番号・事案番号・日時は、いま発出した場合の値です。識別子・ダイジェスト・確認用リンクは発出時に決まります。
preview-as = 表示する銀行
preview-language = 言語
preview-show = 表示
preview-page = 銀行の画面
preview-mail = メール
preview-subject = 件名
preview-html = HTML版（ソース）
preview-webhook = Webhook
preview-issue =
    { $banks }行{ $observers ->
        [0] { "" }
       *[other] とオブザーバー{ $observers }件の
    }すべてに発出する
preview-edit = 修正する
preview-for-good = 発出は取り消せません。

draft-lead = 発出前の事案です。発出または破棄された後も、作成からの経過とともに記録に残ります。
draft-list-open = 作成中
draft-list-ended = 発出・破棄済み
draft-none-open = 作成中の下書きはありません。
draft-none-ended = 発出または破棄された下書きはありません。
draft-author = 作成者
draft-created = 作成日時
draft-age = 作成からの経過
draft-end = 結果
draft-version = 第{ $n }稿
draft-state-open = 作成中
draft-state-issued = 発出済み
draft-state-discarded = 破棄済み
draft-says = 下書きの内容
draft-empty = まだ何も入力されていません。
draft-continue = 続きを入力
draft-form = 下書きの続き
draft-reopen = 最新の下書きを開き直す
draft-save = 下書きを保存
draft-discard = 下書きを破棄
draft-discard-hint = 理由とともに記録に残ります。破棄した下書きは再開できません。
draft-discard-do = 理由を記録して破棄する

said-count = { $n }{ $unit }

# The fields of a filing
field-title = 件名
field-description = 概要
field-determination = 確度
field-typology = 手口
field-typology_other = その他の手口の説明
field-attack_stage = 不正の段階
field-auth_exploited = 悪用された認証
field-auth_weakness = 認証の弱点
field-discovery_method = 発覚の経緯
field-occurred_from = 発生日時（から）
field-occurred_to = 発生日時（まで）
field-detected_at = 検知した日時
field-aware_at = 認識した日時
field-aware_reason = 検知と認識の日時が異なる理由
field-resolved_at = 収束した日時
field-closed_at = 完了した日時
field-next_update_at = 次の報告の予定
field-affected_banks = 被害のあった銀行
field-services = サービスの状態
field-victims = 被害者数
field-transactions = 取引件数
field-amount_lost = 被害額
field-amount_recovered = 回収額
field-amount_compensated = 補償額
field-severity = 影響度
field-urgency = 緊急度
field-countermeasures = 講じた措置
field-advice = 銀行へのお願い
field-cause_types = 原因の区分（コード）
field-lessons = 教訓
field-bodies_notified = 届出先
field-tlp = 取扱区分（TLP）
field-kind = 種別
field-phase = 報告の区分
field-incident_status = 事案の状況
field-change_summary = 前の版からの変更点
field-related_incidents = 関連する事案
field-operator_contacts = 事業者の連絡先
field-late_reason = 遅延の理由

# Whether a board changes by itself
live-on = 自動更新中
live-off = 自動更新は停止しました。最新の状況はページを開き直してご確認ください

home-calls = 電話連絡
home-calls-more = ここに表示していない電話連絡がほかに{ $count }件あります。各事案の画面に、その事案のすべてを表示しています。
home-clocks = 当社の期限
home-clocks-none = 期限はありません。
home-clocks-note = 時計と上限は契約上のもので、早い方が期限です。
home-clock = 時計
home-ceiling = 上限
home-clock-draft = 下書き
chase-title = 催促の状況
chase-note = 確認されるまで催促は自動で続き、誰にも止められません。
chase-none = 全行が確認済みです。
chase-bank = 銀行
chase-due = 確認期限
chase-taken = これまで
chase-next = 次の段階
chase-call = 電話
chase-steps = { $n }回
call-title = { $bank }への電話連絡
call-lead = 期限までに受領が確認されていません。通知の送信は続きます。電話は通知の代わりになりません。
call-dial = 登録簿の電話番号
call-withdrawn = 「第{ $number }号は、その後の第{ $by }号で取り下げられました。第{ $number }号の内容は現在は有効ではありません。」
call-replaced = 「第{ $number }号のあとに第{ $by }号を発行しております。最新の内容は第{ $by }号をご覧のうえ、受領をご確認ください。」
call-read-back = 「この通知の貴行の番号は第{ $number }号です。復唱をお願いいたします。」
call-read-back-hint = 相手が復唱した番号をそのまま記入してください。
call-open = 電話して記録する
call-claim = 私がかけます
call-own = この電話はあなたが担当しています。
call-release = つながらなかったので担当を外れる
call-taken = 他の担当者が対応中です。
call-claimed = 対応中
call-more = あわせて
call-told = 銀行に伝えた場合
call-send = 記録する
call-second = 別の担当者の承認で確定します。
call-state-open = 未連絡
call-state-claimed = 対応中
call-state-completed = 連絡済み
call-state-closed = 不要
aside-note = 通知より弱い証拠です。別の担当者の承認後に限り、最大でも「到達」として数えます。
aside-channel-phone = 電話
aside-channel-meeting = 面会
aside-channel-letter = 書面
aside-state-waiting = 承認待ち
aside-state-expired = 承認期限切れ
aside-state-approved = 承認済み
aside-state-refused = 却下
aside-caller = 連絡した人
aside-approver = 承認した人
aside-read-back = 復唱：第{ $number }号
# What banks report
home-reports = 銀行からの報告
reports-lead = 報告には回答が必要です。回答がなければ、すべての銀行に自動で通知されます。
reports-waiting = 回答待ち
reports-answered = 回答済み
reports-none-waiting = 回答待ちの報告はありません。
reports-none-answered = 回答済みの報告はまだありません。
reports-make-incident = 事案として起票
reports-silence = 回答しない場合、銀行の文面のまま「未確認」として、すべての銀行に自動で通知されます。
reports-reject = 事案ではないと回答
reports-reject-hint = 理由は報告した銀行に届きます。報告の記録は残ります。
reports-reject-do = 銀行に回答する

# What two people hold back
deferral-lead = 通知を遅らせる唯一の方法です。法的根拠、二名の承認、最長{ $hours }時間、対象は常に全行です。期限が来れば自動で発出されます。
deferral-in-force = 保留中
deferral-none = 保留中のものはありません。
deferral-ended = 終了したもの
deferral-left = 自動発出まで
deferral-basis = 法的根拠
deferral-since = 保留開始
deferral-until = 期限
deferral-renewal = 更新
deferral-lift = 今すぐ全行に発出する
deferral-renew = 保留の更新を申請
deferral-renew-hint = 承認から最長{ $hours }時間で、あらためて二名の承認が必要です。
deferral-renew-send = 申請する
deferral-how-expired = 期限により自動発出
deferral-how-lifted = 解除して発出
deferral-how-renewed = 更新
deferral-ask = 発出を保留する（法的根拠・二名の承認・最長{ $hours }時間）
deferral-ask-hint = 別の担当者が承認するまで保留されません。監査担当者にはただちに表示されます。一部の銀行だけを対象にすることはできません。
deferral-ask-send = 保留を申請する
deferral-of-incident = この事案の続報が保留中です

draft-past-ceiling = 認知からの上限を超過
draft-ceiling = 発出期限
draft-took = 最初の記録から発出まで
draft-of-report = 銀行からの報告
incident-suspicion = 最初の記録

# Closing, and related incidents
closing-title = 終結
closing-hint = 最終報告の状態を「終結」として発出すると、事案は終結します。すべての銀行が最新の通知を受領確認するか、二名の承認で終了していることが必要です。
closing-open = 未決着の銀行が{ $banks }行あります。
closing-by-two = 二名の承認で終了
closing-ask = 受領確認のない銀行への通知の終了を申請
closing-ask-hint = 別の担当者が承認するまで、督促は続きます。終了後に受領確認があれば記録されます。
closing-ask-send = 申請する
closing-closed = この事案は終結しました
closing-counts = 受領確認{ $acknowledged }行、二名の承認による終了{ $closed }行

resend-ask = 銀行へ通知を再送
resend-hint = この事案の最新の通知を、これまでの宛先すべてに、同じ内容・同じIDで再送します。
resend-send = 再送する
related-earlier = この事案が参照
related-later = この事案を参照
field-remedial_actions = 再発防止策
file-remedies-hint = 1行に1件：内容 | 担当部署 | 2019-12-31T00:00。文中の縦線は \| と入力してください。事案の終結に必要です。

# What banks ask, and the response map
question-lead = 銀行からの照会と通知への異議です。回答はその銀行だけに届きます。
question-none = 回答待ちの照会はありません。
question-left = 回答期限まで
question-over = 回答期限の超過
question-answer = 回答
question-send = 回答を送る
response-map = 銀行ごとのサービスの状況

exercise-lead = 訓練は通常の事案と同じように起票され、全提携銀行への通知、期限、催促まで実際と同じ経路をたどります。すべての文面に訓練と表示され、「通知した」記録には数えません。
exercise-schedule = 実施予定
exercise-next = 次の訓練の期限
exercise-late = 期限超過
exercise-near = 間近
exercise-last = 前回の訓練
exercise-answered = 受領確認 { $notices } 行中 { $acknowledged } 行
exercise-median = 所要時間の中央値
exercise-none-yet = 実施実績なし
exercise-off = 訓練の予定は設定されていません（clocks.file のプロファイル EXERCISE）。
exercise-by-people = 自動では発行されません。担当者が種別「訓練」の事案を起票してください。
exercise-results = 訓練の結果
exercise-issued = 発行日時
exercise-in-time = 期限内
exercise-open = 未回答の銀行
exercise-all-answered = 全行が回答
exercise-not-telling = 結果は第1報の通知によるものです。訓練の通知は、不正出金を知らせたものには数えません。
