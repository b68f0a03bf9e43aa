page-skip = 本文へ移動
page-languages = 言語
page-footer = Kairan（回覧）：すべての銀行に知らせ、すべての受領印を確かめる。

link-title = 通知 第{ $number }号
link-heading = { $bank }あて通知 第{ $number }号
link-no-login = このページは通知一件を表示するもので、ログインではありません。
link-facts = この通知について
link-content = 内容
link-content-portal = この通知の取扱区分は TLP:{ $tlp } です。内容はポータルにログインしてご確認ください。
link-newer = この事案の以前の通知であり、最新の内容ではありません。貴行あての最新の通知は第{ $number }号です。
link-newer-withdrawn = 以前の通知であり、その内容は貴行あて第{ $number }号で取り下げられました。
link-advice = お願いしたい対応
link-done-already = 受領確認済みです
link-done-by = { $name } 様が { $at } に確認しました。
link-form = 受領確認
link-code = メールに記載の確認コード
link-code-hint = ABCD-EFGH のような8文字です。このページのアドレスではなく、メール本文に記載されています。
link-name = お名前
link-role = 役職
link-submit = 受領を確認する
link-problem = 受領確認できませんでした

linkdone-title = 受領確認の完了
linkdone-heading = 第{ $number }号の受領を確認しました
linkdone-recorded = { $bank }の受領確認として { $at } に記録しました。取り消すことはできません。
linkdone-told = 貴行の連絡先すべてにお知らせします。
linkdone-next = 次に
linkdone-portal = 貴行で講じた措置を、ポータルで他行に共有できます。

problem-reference = 照会番号
problem-next = できること

done-acknowledged = 受領を確認しました。ありがとうございます。
done-responded = 対応状況を記録しました。
done-reported = 報告しました。事業者の回答期限が動き出しました。
done-issued = 発出しました。すべての提携銀行に通知されます。
done-asked = 申請しました。別の担当者の承認を待っています。
done-saved = 保存しました。
done-sent = 送信しました。配信記録で結果を確認できます。
done-tested = テスト通知を送信しました。宛先の状態で結果を確認できます。
