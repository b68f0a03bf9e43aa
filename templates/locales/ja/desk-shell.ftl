# The shell of every desk, and the names of codes that all desks show.

shell-navigation = メインメニュー
shell-sign-out = ログアウト
shell-count = （{ $count }件）
shell-desk-bank = 銀行デスク
shell-desk-officer = 担当者デスク
shell-desk-auditor = 監査デスク
shell-desk-administrator = 管理デスク
shell-desk-public = Kairan

nav-inbox = 受信箱
nav-channels = 連絡先と鍵
nav-own-deliveries = 配信記録
nav-home = ホーム
nav-incidents = 事案
nav-file = 事案を起票
nav-drafts = 下書き
nav-exercises = 訓練
nav-questions = 照会と異議
nav-deferrals = 保留
nav-report = 不正の疑いを報告
nav-bank-reports = 銀行からの報告
nav-tasks = タスク
nav-approvals = 承認
nav-matrix = 一覧表
nav-deliveries = 配信記録
nav-as-of = 時点証明
nav-figures = 統計
nav-check = 整合性
nav-register = 提携台帳
nav-people = 利用者
nav-account = アカウント

# How far a notice is shown to have come
level-listed = 登録済み
level-dispatched = 発送済み
level-delivered = 配信済み
level-accessed = 閲覧済み
level-acknowledged = 受領確認済み
level-responded = 回答済み

level-hint-listed = 通知台帳に登録された
level-hint-dispatched = 発送した、または発送を試みた
level-hint-delivered = 銀行のシステムが受け付けた
level-hint-accessed = ログインした担当者が開いた
level-hint-acknowledged = 担当者または銀行の鍵が受領を確認した
level-hint-responded = 銀行が講じた措置を回答した

ack-class-signed = 銀行の署名鍵による確認
ack-class-portal = ポータルでの確認
ack-class-api_key = APIキーによる確認
ack-class-link = メールのリンクによる確認
ack-class-out_of_band = 電話・書面による確認
ack-short-signed = 署名
ack-short-portal = ポータル
ack-short-api_key = APIキー
ack-short-link = リンク
ack-short-out_of_band = 電話・書面

channel-webhook = Webhook
channel-email = メール

# What came of an attempt
mail-report-bounced = 不達
mail-report-delayed = 未達（再送中）
mail-report-delivered = 銀行のメールサーバーに到達
mail-report-relayed = 転送済み（以降は不明）
outcome-accepted = 受付済み
outcome-pending = 送信中
outcome-address_refused = 宛先アドレスを拒否
outcome-dns = 名前解決に失敗
outcome-connect = 接続できず
outcome-tls = TLSの失敗
outcome-timeout = 時間切れ
outcome-broken = 通信の中断
outcome-status = エラー応答
outcome-wrong_answer = 所有の確認に誤った応答
outcome-mail_deferred = メールの一時的な拒否
outcome-mail_rejected = メールの恒久的な拒否
outcome-internal = 本システムの障害
outcome-unknown = 結果不明
outcome-released = 送信せず返却

role-officer = コンプライアンス担当
role-auditor = 監査担当
role-administrator = 管理者
role-bank_member = 銀行担当者
role-bank_administrator = 銀行管理者
role-bank_machine = 銀行システム

# Why a bank is told
reason-partner = 提携銀行
reason-affected = 被害のあった銀行
reason-former = 過去の提携銀行
reason-late_joiner = 新規の提携銀行
reason-observer = オブザーバー

task-kind-no_channel = 通知手段なし
task-kind-channel_broken = 通知手段の不通

shell-none = なし
shell-unknown = 不明
shell-yes = はい
shell-no = いいえ
shell-older = 以前のもの
shell-newer = 新しいもの
shell-again = この内容を入力されたセッションは終了しています。まだ何も送信されていません。ご確認のうえ、もう一度お送りください。
shell-faults = 入力内容をご確認ください
shell-required = 必須
shell-optional = 任意
shell-table = { $name }（表）
shell-pages = ページ送り

took-seconds = { $n }秒
took-minutes = { $n }分
took-hours = { $n }時間
took-days = { $n }日

legend-heading = 凡例
mark-late = 期限超過
mark-down = 接続先の不通あり
mark-bounced = メールの不達
mark-disputed = 異議あり
mark-concerns = 被害あり
mark-exposed = 認証方式が該当

log-refuses-heading = ログ
log-refuses = { $since } からログが停止しています。通知は封印なしで送信されます。
log-refuses-next = 送信と受領確認は続いています。対処は、ハブの端末で kairan log を実行して確認してください。
log-refuses-journal_missing = ジャーナルがありません。
log-refuses-database_behind = データベースがジャーナルより古くなっています。
log-refuses-journal_differs = データベースとジャーナルのログが異なります。
log-refuses-other_log = ジャーナルが別のログのものです。
log-refuses-tampered = データベース内の記録が書き換えられています。
log-refuses-checkpoint_ahead = 公開済みのチェックポイントより、データベースの件数が少なくなっています。
log-refuses-head_disputed = 銀行が確認したログの先頭が、このハブのログにありません。
log-refuses-journal_unusable = ジャーナルの読み書きができません。
log-refuses-key_other = このハブの鍵は、ログの署名鍵と異なります。

mails-wait-heading = メール
mails-wait = { $since } から、メール中継サーバーがメールを 1 通も受け付けていません。
mails-wait-count = 再送待ちのメールが { $count } 通あります。
mails-wait-next = Webhook の送信は続いています。メール中継サーバーを確認してください。復旧するまで、メールだけで通知している銀行には電話で連絡してください。

told-aside = 通常経路外で連絡済み
told-aside-short = 経路外
task-kind-phone = 電話連絡

# 銀行への到達を最後に確認できた時
reached-title = 最後に到達を確認できた時
reached-proven = 確認済み
reached-new = 新規（未確認）
reached-unproven = 90日間確認なし
reached-no-address = 有効な宛先なし
reached-by-accepted = エンドポイントが受け付けた
reached-by-delivery_report = 銀行のメールサーバーが配信を報告した
reached-by-mail_link = メールのリンクから受領確認があった
reached-note = メール中継の受付は到達の証明になりません。テスト通知で確かめられます。

# 宛先ごとの状態
channel-health = 宛先ごとの状態
channel-health-address = 宛先
channel-health-state = 状態
channel-health-failures = 連続失敗
channel-health-success = 最後の成功
channel-health-next = 次の送信
channel-health-erased = 消去済み
channel-state-untried = 送信なし
channel-state-working = 正常
channel-state-failing = 失敗中
channel-state-broken = 不通
channel-state-since = 開始：
channel-proven = 所有確認済み
channel-not-proven = 所有未確認
channel-challenge = 所有の確認を送る
channel-challenge-note = 署名鍵を使って確認に答えた接続先が、所有確認済みになります。未確認の接続先にも、通知はすべて送られます。
channel-being-replaced = 新しい接続先の所有が確認されるまで、少なくとも一日は受信を続けます。
