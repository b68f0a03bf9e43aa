# 証拠パックの README.txt。

pack-incident-title = 証拠パック：事案 { $reference }
pack-bank-title = 証拠パック：{ $bank }（{ $code }）
pack-made = { $at } に { $operator } のハブが作成
pack-incident-lead = { $revisions } 版、通知 { $notices } 件：
pack-missing-not_sealed = 作成時点でログに未収録のため、完全性の証明も通知の証明もありません
pack-missing-across_logs = 記録が二つのログにまたがるため、完全性の証明はありません。両方のログのエクスポートを検証してください
pack-bank-lead = この銀行に発行したすべての通知（第 1 号から第 { $last } 号まで。欠番なし）。
pack-what = ■ 内容
pack-file-vkey = ログ { $origin } の名前と検証鍵（ログの最初の記録によるもの）。
pack-file-checkpoint = そのログの最新の署名付きチェックポイント（{ $size } 件）。
pack-file-completeness = この版が名簿のすべての銀行に宛てられたこと、どの銀行が受領を確認したかの証明。
pack-file-body = 通知した内容（原本のバイト列）。
pack-file-notices = 通知の一覧（1 行 1 件）。file は、その通知のファイル名です。
pack-file-acknowledgements = 受領確認の一覧（1 行 1 件）。受領の確認であり、同意ではありません。
pack-file-note = 銀行が自らの鍵で署名した受領確認（受信したまま。C2SP signed-note）。署名した方の氏名を含みます。その版の完全性の証明（事案の証拠パックにあります）で検証されます。
pack-file-attempts = すべての送信試行と結果の一覧（1 行 1 件）。
pack-file-object = 通知オブジェクト（原本のバイト列）。その SHA-256 を銀行が確認します。
pack-file-proof = 同じ通知オブジェクトと、それがログにあることの証明（C2SP tlog-proof）。ない場合は、ログに未収録か、照合に必要な値が消去されています。
pack-file-certificate-vkey = ハブの証明書に署名する鍵の検証鍵。
pack-file-certificate = 作成時点でこの銀行に何を知らせていたかを、ハブが署名した証明書。署名できる長さ（約 4,000 件）を超える場合はありません。
pack-check = ■ 検証方法（ネットワークもハブも不要）
pack-check-certificate-key = CERTIFICATE-KEY は証明書用の別の検証鍵です（同じ文書の certificate.vkey。KEY は log.vkey）。
pack-check-key = KEY は、事業者から受け取った検証鍵、または { $url }/.well-known/kairan で公開している検証鍵です。このパックの vkey ファイルは、それと照合するためのもので、それだけでは何も証明しません。
pack-check-body = 内容（bodies）の SHA-256 は、通知オブジェクトの incident_digest と一致します。
pack-not = ■ このパックからは分からないこと：誰が読み、誰が確認したか（銀行の署名付き受領書を除く）、宛先、銀行が取った対応、他の銀行にも同じログが見えていること（チェックポイントの比較 kairan verify checkpoints で確かめます）。
