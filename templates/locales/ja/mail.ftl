mail-automatic = このメールは{ $operator }の Kairan（回覧）から自動送信されています。返信しても受領確認にはなりません。開封の追跡は行っていません。
mail-prefix-exercise = 【訓練】
mail-prefix-test = 【テスト】
mail-kind-exercise = これは訓練に関するお知らせです。実際の不正出金は発生していません。実際の場合と同じようにご対応ください。
mail-kind-test = これは通知経路のテストに関するお知らせです。実際の不正出金は発生していません。
you-bank = 貴行
you-observer = 貴機関
mail-bank = 銀行
mail-sent-at = 送信日時

received-not-agreed = 受領確認は「受け取った」ことの確認です。内容への同意ではなく、{ $you }の権利に影響しません。

notice-subject = 【{ $urgency }】第{ $number }号 { $incident } TLP:{ $tlp } 受領確認期限 { $deadline }
notice-heading = 通知 第{ $number }号（{ $incident }）
notice-kind-exercise = これは訓練です。実際の不正出金は発生していません。実際の通知と同じように受領確認をお願いします。
notice-kind-test = これは通知経路のテストです。実際の不正出金は発生していません。
notice-to = { $bank }（{ $code }）御中
notice-intro = { $operator }は、お客さま口座からの不正出金の疑いについて、すべての提携銀行にお知らせします。
notice-overtaken-withdrawn = この通知は第{ $number }号で取り下げられました。以下の内容は現在は有効ではありません。
notice-overtaken-replaced = この通知のあとに第{ $number }号が発行されています。最新の内容は第{ $number }号をご覧のうえ、受領をご確認ください。
reminder-due = 催促：通知第{ $number }号の受領がまだ確認されていません。{ $deadline } までにご確認ください。
reminder-overdue = 期限超過：通知第{ $number }号の受領確認の期限は { $deadline } でした。確認されるまで催促を続けます。
notice-number = { $you }の通知番号
notice-incident = 事案
notice-revision = { $incident } 第{ $revision }報
notice-urgency = 緊急度
notice-tlp = 取扱区分
notice-issued-at = 発行日時
notice-acknowledge-by = 受領確認期限
notice-restricted = この通知の取扱区分は TLP:{ $tlp } です。内容はメールではお伝えしません。ポータルまたは{ $you }のシステム接続（API）でご確認ください。
notice-concerns-you = 貴行の口座に被害が及んでいます。
notice-exposed = 貴行は「要警戒」に該当します。口座連携の認証方式が悪用された方式と同じか、その可能性があります。短い期限が適用されます。
notice-changes = 前報からの変更点
notice-typology = 手口
notice-auth = 悪用された認証方式
notice-countermeasures = 当社の対応
notice-taken = { $at } 実施
notice-planned = { $at } 実施予定
notice-advice = お願いしたい対応
notice-annex = { $you }限りの別紙がポータルにあります。別紙をメールで送ることはありません。
notice-confirm = 受領確認
notice-confirm-link = 次のページを開いてください。
notice-confirm-code = ページで次の確認コードとお名前を入力してください： { $code }
notice-confirm-page = ポータルにログインして受領確認を行うこともできます。
notice-confirm-portal = { $you }はポータルまたは署名付き API で受領確認を行う設定です。
notice-contacts = お問い合わせ先
notice-recipients =
    この通知は台帳（第{ $version }版）に載っている提携銀行{ $observers ->
        [0] すべて、{ $banks }行
       *[other] { $banks }行とオブザーバー{ $observers }件のすべて
    }に送られます。宛先を選んだ人はいません。
notice-recipients-late =
    この通知は、発行時に台帳（第{ $version }版）に載っていた提携銀行{ $observers ->
        [0] すべて、{ $banks }行
       *[other] { $banks }行とオブザーバー{ $observers }件のすべて
    }に送られました。その後に加わられたため、あらためてお送りしています。宛先を選んだ人はいません。
notice-recipients-former =
    この通知は、台帳（第{ $version }版）に載っている提携銀行{ $observers ->
        [0] すべて（{ $banks }行）
       *[other] { $banks }行とオブザーバー{ $observers }件のすべて
    }と、この事案の以前の通知をお送りした、すでに提携を終了した先に送られます。後者に該当するためお送りしています。宛先を選んだ人はいません。
notice-observers = オブザーバー：
notice-joined-late = この事案は、{ $you }が台帳に載っていなかった時期（{ $at }）に登録されたものです。最新の内容をお送りします。ほかの通知と同様に受領の確認をお願いします。
notice-digest = この通知のダイジェスト
notice-incident-digest = 共通本文のダイジェスト
notice-digest-use = 受領確認の対象はこのダイジェストです。通知を受けた内容の証明に使えますので、このメールを保管してください。

withdrawn-subject = 【取下げ・{ $urgency }】第{ $number }号 { $incident } TLP:{ $tlp } 受領確認期限 { $deadline }
withdrawn-heading = 取下げ 第{ $number }号（{ $incident }）
withdrawn-intro = { $operator }は、{ $incident } についてすべての提携銀行にお知らせした内容を取り下げます。
withdrawn-reason = 理由
withdrawn-replaces = 代わりに事案 { $incident } をご覧ください。
withdrawn-title = 取り下げる通知
withdrawn-keep = これまでの通知と各行の受領確認は記録に残ります。{ $you }で講じた措置を続けるかどうかをご確認ください。

test-subject = 【テスト】{ $operator }からの通知テスト { $at }
test-heading = 通知テスト
test-intro = { $operator }からの通知が届くことを確かめるためのテストです。
test-nothing-to-do = 事案は発生していません。受領確認も不要です。
test-contacts = 不正出金の通知を受け取るご担当でない場合は、{ $you }の連絡先を管理する事業者までお知らせください。

alert-subject = 【Kairan】{ $what }
alert-detail = 詳細
alert-at = 検知日時
alert-joined = 氏名
alert-joined-roles = 役割
alert-joined-by = 招待者
alert-banks = 銀行
alert-owed = 次に発行するもの
alert-due-at = 期限
alert-goes-out-at = 自動発出の日時
alert-channel = 通知経路
alert-bounced = 不達で戻ったメール
alert-no-status = 状態コードなし
alert-last-exercise = 前回の訓練
alert-bank-late = 期限までに受領確認をしていない銀行があります
alert-bank-late-action = 電話で連絡し、記録してください。受領確認があるまで通知の送信は続きます。
alert-channel-broken = 銀行への通知経路が使えません
alert-channel-broken-action = 宛先または受信口の修正を銀行に依頼してください。もう一方の経路と再送は続いています。
alert-phone-task = 電話で知らせる必要のある銀行があります
alert-phone-task-action = 作業を開くと電話番号と伝える内容が表示されます。電話は通知の代わりにはなりません。
alert-log-refusing = 証跡ログに記録できません
alert-log-refusing-action = 通知の送信は「未封緘」として続いています。ログの保存先と鍵をすぐに確認してください。
alert-self-check-red = 自己点検で、台帳・通知・ログの不一致が見つかりました
alert-self-check-red-action = 手作業で直さないでください。監査画面を開き、どこが食い違っているかを確認してください。
alert-clock-running-out = 当社自身の期限が迫っています
alert-clock-running-out-action = 期限までに発行してください。期限を過ぎると、全行が読む遅延理由の記入が必要になります。
alert-clock-missed = 当社自身の期限を過ぎました
alert-clock-missed-action = 直ちに発行し、遅れた理由を記入してください。理由は全行が読みます。

linkack-subject = 第{ $number }号（{ $incident }）がメールのリンクで受領確認されました
linkack-heading = メールのリンクによる受領確認 第{ $number }号（{ $incident }）
linkack-intro = メールのリンクから、この通知について{ $you }としての受領確認が行われました。{ $you }の連絡先すべてにお知らせしています。
linkack-contact = メールの宛先
linkack-name = 入力された氏名
linkack-role = 入力された役職
linkack-at = 確認日時
linkack-wrong = お心当たりがない場合は、直ちに事業者へご連絡ください。受領確認の記録は残りますが、{ $you }の回答として異議を記録できます。

ending-subject = { $operator }との提携が { $ends } に終了するものとして登録されました
ending-heading = 提携終了の登録
ending-intro = { $operator }の台帳に、{ $you }との提携の終了が登録されました。
ending-recorded-at = 登録日時
ending-ends-at = 終了日時
ending-until = それまでは、すべての通知が{ $you }に届きます。
ending-after = 終了後も、すでにお知らせした事案の続報は届きます。
ending-over = この日時はすでに過ぎています。事前にお知らせできず終了が延期された場合は、新しい日時をあらためてお知らせします。
ending-wrong = 誤りの場合は、終了日時までに事業者にご連絡ください。
ending-wrong-over = 誤りの場合は、直ちに事業者にご連絡ください。
ending-inbox = 受信箱はこちらです。

invitation-subject = { $operator } 事案通知のアカウントのご案内
invitation-heading = アカウントのご案内
invitation-to = { $name } 様
invitation-intro = { $operator }から、不正出金の疑いに関する通知の送付・閲覧・受領確認を行う Kairan（回覧）へのご案内です。
invitation-link = 次のリンクからアカウントを設定してください。リンクは一度だけ使えます。
invitation-expires = 有効期限
invitation-unexpected = 心当たりがない場合は開かずに、コンプライアンス部門にお知らせください。

recovered-subject = { $operator } 事案通知のログイン情報が再設定されました
recovered-heading = ログイン情報が再設定されました
recovered-intro = { $operator } 事案通知のアカウントについて、復旧用リンクから新しいパスワードと認証アプリが設定されました。
recovered-at = 再設定日時
recovered-what = このアカウントでログイン中だった端末は、すべてログアウトされました。個人用APIキーは引き続き有効です。
recovered-wrong = お心当たりがない場合は、直ちに事業者の管理者とコンプライアンス部門にご連絡ください。

notice-unverified = この通知は提携銀行からの報告によるもので、当社では未確認です。報告の文面のまま自動で発行されました。

alert-bank-report = 銀行から不正の疑いの報告がありました
alert-bank-report-action = 事案として発行するか、事案でない理由を銀行に回答してください。回答がなければ、すべての銀行に自動で発行されます。

answered-subject = { $at }のご報告への回答（事案ではありません） { $operator }
answered-heading = ご報告は事案に該当しませんでした
answered-intro = { $operator }は{ $you }のご報告を確認し、事案として発行しないこととしました。
answered-reported-at = 報告日時
answered-at = 回答日時
answered-report = 報告
answered-reason = 理由
answered-wrong = ご判断が異なる場合は、判明している内容を添えてあらためてご報告ください。ご報告の記録は残ります。

alert-deferral = 全行への通知が保留されました
alert-deferral-action = 法的根拠に基づき二名が承認しました。上記の時刻に自動で発出されます。理由は画面でご確認ください。

alert-exercise-near = 次の訓練の期限が近づいています
alert-exercise-near-action = 期限までに訓練を登録してください。実際の通知と同じように全提携銀行に届きます。自動では発行されません。
alert-exercise-overdue = 訓練の期限を過ぎています
alert-exercise-overdue-action = 訓練を登録してください。前回の結果と未回答の銀行は「訓練」の画面で確認できます。
alert-issue-stuck = 自動で発出されるはずの通知を発出できませんでした
alert-issue-stuck-action = ただちに手動で発出してください。自動発出は数秒ごとに再試行されます。原因はハブのログに記録されています。
alert-ending-untold = 提携終了の期日を過ぎましたが、当該銀行に終了の予告が届いていません
alert-ending-untold-action = いずれかの連絡手段で予告が受け付けられるまで、当該銀行は提携銀行のままとなり、すべての通知が送られます。終了は一時間ずつ延期されます。有効なエンドポイントまたは連絡先を登録してください。
alert-endpoint-unproven = 銀行の受信口が、一日以上、所有の確認に答えていません
alert-endpoint-unproven-action = そのアドレスが当該銀行のものか、システムが確認に答える設定かを、電話でお尋ねのうえ、銀行の画面から確認を送り直してください。それまで、通知は引き続き送られますが、受信口は未確認として扱われます。
alert-joiner-untold = 新規提携銀行に過去の事案を通知できませんでした
alert-joiner-untold-action = 当該銀行に電話で連絡し、その記録を残してください。通知は毎秒再試行されます。原因はハブのログに記録されています。
alert-person-joined = 新しい利用者が加わり、ログインできるようになりました
alert-person-joined-action = この方の追加に心当たりがない場合は、直ちに事業者の他の管理者へご連絡ください。管理者二名の承認で役割を取り消せます。
alert-draft-ageing = 不正の疑いの記録から一日以上、銀行に通知されていません
alert-draft-ageing-action = 下書きを発出するか、理由を付けて破棄してください。いずれの場合も記録は残ります。

notice-related = 関連事案
notice-related-earlier = この通知が参照
notice-related-later = この事案を参照

replied-subject = 第{ $number }号（{ $incident }）へのご回答に対する返信
replied-heading = ご回答への返信
replied-intro = 第{ $number }号（{ $incident }）についての{ $you }からのご回答に、{ $operator }が返信します。
replied-restricted = 第{ $number }号（{ $incident }）についての{ $you }からのご回答に、{ $operator }が返信しました。取扱区分が TLP:{ $tlp } のため、返信の内容はメールではお伝えしません。ポータルまたは{ $you }のシステム接続（API）でご確認ください。
