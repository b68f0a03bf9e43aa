# 登録内容を一つずつ変更するページ

change-contact = 連絡先の差し替え
change-contact-note = 現在の連絡先は終了し、以下の連絡先に直ちに切り替わります。未送信のものは新しい宛先に送られます。
change-contact-do = 連絡先を差し替える
change-endpoint = 受信先（Webhook）の差し替え
change-own-endpoint = Webhookの接続先の差し替え
change-endpoint-now = 現在のアドレス
change-endpoint-behalf = 二人目の管理者の承認が必要です。銀行の署名鍵は変わりません。新しい受信先の所有が確認されるまで、少なくとも一日は、現在の受信先も受信を続けます。新しいアドレスが正しいことを、別の手段で銀行にご確認ください。
change-endpoint-own = 新しい署名鍵が発行され、一度だけ表示されます。新しい接続先には所有の確認が送られます。答えがあるまで、少なくとも一日は、現在の接続先も受信を続けます。
change-endpoint-ask = 差し替えを申請する
change-endpoint-do = 接続先を差し替える
change-endpoint-end = 差し替えずに終了する
change-endpoint-end-note = 二人目の管理者の承認が必要です。未送信のものは、残りの経路で送られます。
change-endpoint-end-ask = 終了を申請する
change-key = キーの失効
change-key-note = 二人目の管理者の承認が必要です。承認されると、銀行のシステムはこのキーを使えなくなります。
change-key-ask = 失効を申請する
change-profile = 基本情報の変更
change-profile-note = 新しい版として、直ちに反映されます。通知の言語と、「認証方式が該当」とされるかどうかは、この内容で決まります。
change-profile-do = 基本情報を変更する
change-link = 差し替え
change-link-or-end = 差し替え・終了
change-link-revoke = 失効
change-secret-until = { $until } までは、以前の署名鍵でも署名します。

change-test = 最新のテスト通知
change-test-sent = { $at } 送信
change-test-way = 経路
change-test-address = 宛先
change-test-outcome = 結果
change-test-not-yet = 未送信
