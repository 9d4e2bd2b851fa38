"""The words of 架空県, the fictitious prefecture: names and sentences for make_sample. Pure.

Words are drawn as a language has them: of each list the first ones often, the last ones seldom, so
that a search finds some words in many records and others in few.
"""

from random import Random

PREFECTURE = "架空県"
# ruff: noqa: SIM905  words in rows are read more easily than words in quotes
BUREAUS = """
企画部 総務部 健康福祉部 農林水産部 県土整備部 産業労働部 環境部 生活安全部 地域振興部 観光文化部 教育局 こども家庭部
病院局 危機管理部 情報政策部 交通政策部 会計局 企業局 スポーツ部 国際部 森林部 水産部 都市計画部 住宅部 人権部 統計部
税務部 財産部 防災部 医療部 介護部 食品部 雇用部 科学部 港湾部 河川部 道路部 消費生活部 若者部 文化財部 農地部 畜産部
""".split()
RENAMED_BUREAU, MERGED_BUREAU, NEW_BUREAU = "政策戦略部", "農政県土部", "未来創造部"
DIVISIONS = "政策課 管理課 推進課 支援課 調整課 指導課 整備課 振興課 保全課 相談課".split()
PLACES = "架空市 仮名市 見本市 例示市 空想市 絵図町 仮想町 試作町 模型町 幻村 想像村 架橋村".split()

TOPICS = """
地域 県民 中小企業 観光 道路 農業 子育て 防災 学校 医療 介護 環境 文化 交通 森林 河川 商店街 障害者 若者 高齢者 移住
雇用 畜産 水産 園芸 果樹 木材 温泉 鉄道 港湾 公園 空き家 再生可能エネルギー デジタル 統計 食品 衛生 動物愛護 消費生活
男女共同参画 国際交流 多文化共生 生涯学習 図書館 博物館 美術館 埋蔵文化財 スポーツ 競技力 私立学校 特別支援教育 保育
ひとり親 児童養護 周産期 救急 感染症 がん 難病 精神保健 看護 薬事 水道 下水道 廃棄物 地下水 大気 騒音 自然公園 鳥獣
希少植物 治山 林道 きのこ 養蚕 茶 こんにゃく 花き 土地改良 農地 担い手 六次産業 輸出 企業立地 創業 伝統工芸 知的財産
計量 建設業 橋りょう トンネル 砂防 ダム 急傾斜地 景観 建築 県営住宅 消防 火山 原子力 交通安全 犯罪被害者 暴力追放
旅券 広報 公聴 監査 選挙 条例 公文書 恩給 庁舎 車両 電話交換 宝くじ 県史 紋章
""".split()
QUALITIES = """
総合 広域 緊急 基盤 重点 特別 高度 先端 共同 持続 魅力 安心 安全 次世代 県産 地産 小規模 ふるさと まちなか 里山
""".split()
ACTIONS = """
推進 支援 整備 対策 振興 育成 管理 運営 確保 強化 活性化 普及 保全 調査 改善 促進 補助 研修 再生 創出 発信 連携 継承
誘致 予防 点検 更新 耐震化 長寿命化 見える化 顕彰 収集 復元 測量 鑑定 払下げ
""".split()
KINDS = "事業 事業 事業 事業費 補助 運営費 対策費 プロジェクト 負担金 委託 貸付 交付金".split()
CHAPTERS = "総務 企画 振興 福祉 基盤 人材 安全 交流 保全 産業 教育 管理".split()

SUBJECTS = (
    "県内の事業者 市町村 県民 関係する団体 学校 施設 農家 研究機関 相談窓口 担当の職員".split()
)
MEANS = """
研修会 説明会 現地調査 補助金の交付 機器の更新 専門家の派遣 広報紙 動画の配信 電子申請 相談会 施設の改修 計画の策定
協議会 展示会 見学会 実証実験 点検 出前講座 奨学金 保守契約 意見交換 航空測量 古文書の解読
""".split()
AIMS = """
利用を広げる 負担を減らす 安全を保つ 人材を育てる 魅力を伝える 費用を抑える 災害に備える 交流を増やす 品質を高める
働く場をつくる 暮らしを支える 技術を受け継ぐ 待ち時間を短くする 担い手を増やす 水質を守る 記録を後世に残す
""".split()
ENDINGS = [
    "を進めました。",
    "を行いました。",
    "に取り組みました。",
    "を続けました。",
    "を始めました。",
]

SPENDING = "委託料 負担金及び補助金 需用費 役務費 報償費 旅費 使用料及び賃借料 工事請負費 備品購入費 公課費".split()
ACTIVITIES = [
    ("参加者数", "人"),
    ("開催回数", "回"),
    ("相談件数", "件"),
    ("交付件数", "件"),
    ("支援した団体", "団体"),
    ("整備した延長", "m"),
    ("利用者数", "人"),
    ("配布部数", "部"),
    ("対象施設", "か所"),
    ("測定した地点", "地点"),
]
OUTCOMES = [
    ("満足度", "%"),
    ("達成率", "%"),
    ("普及率", "%"),
    ("削減量", "t"),
    ("新たな雇用", "人"),
    ("登録者数", "人"),
]
PARTITIONS = [
    ("男女の別", ("男性", "女性")),
    ("県・その他の別", ("県", "その他")),
    ("新規・継続の別", ("新規", "継続")),
]
DISTINCTIONS = "全国初 過去最高 全国2位 全国3位 東日本初 県内初 過去最多 全国1位 世界初".split()
PILLARS = """
新しい時代の人づくり 災害に強い県土 医療と福祉の充実 地域経済の循環 協働のしくみ 学びの充実 自然とのつながり
""".split()
POLICIES = """
安全で安心な暮らし 未来を担う人づくり 力強い産業 豊かな自然 魅力ある地域 健やかな長寿 開かれた県政 支え合う社会
""".split()
TERMS = """
決算額:けっさんがく 予算現額:よさんげんがく 当初予算額:とうしょよさんがく 補正予算額:ほせいよさんがく 不用額:ふようがく
翌年度繰越額:よくねんどくりこしがく 執行率:しっこうりつ 一般財源:いっぱんざいげん 特定財源:とくていざいげん 県債:けんさい
国庫支出金:こっこししゅつきん 基金:ききん 歳入:さいにゅう 歳出:さいしゅつ 会計年度:かいけいねんど 積立金:つみたてきん
出納整理期間:すいとうせいりきかん 重点施策:じゅうてんしさく 事業費:じぎょうひ 人件費:じんけんひ 扶助費:ふじょひ
公債費:こうさいひ 補助費:ほじょひ 物件費:ぶっけんひ 実質収支:じっしつしゅうし 監査委員:かんさいいん 指標:しひょう
基準値:きじゅんち 目標値:もくひょうち 出典:しゅってん
""".split()


class Words:
    """Names and sentences drawn from a generator: the same generator gives the same words."""

    def __init__(self, random: Random):
        self.random = random

    def draw(self, words):
        """Return one of the words, the first ones most often."""
        return words[int(len(words) * self.random.random() ** 2.2)]

    def program_name(self) -> str:
        quality = self.draw(QUALITIES) if self.random.random() < 0.55 else ""
        number = f"（第{self.random.randrange(1, 400)}期）" if self.random.random() < 0.03 else ""
        kind = self.random.choice(KINDS)
        return f"{self.draw(TOPICS)}{quality}{self.draw(ACTIONS)}{kind}{number}"

    def chapter_name(self) -> str:
        return f"{self.draw(TOPICS)}{self.random.choice(CHAPTERS)}"

    def sentence(self) -> str:
        # A word that stands in one record alone, as names of small places do.
        rare = (
            f"字架空{self.random.randrange(10**6)}番地で、" if self.random.random() < 0.02 else ""
        )
        return (
            f"{rare}{self.draw(SUBJECTS)}の{self.draw(AIMS)}ため、{self.draw(TOPICS)}の"
            f"{self.draw(MEANS)}{self.random.choice(ENDINGS)}"
        )

    def sentences(self, number: int) -> str:
        return "".join(self.sentence() for _ in range(number))

    def table(self) -> str:
        rows = "\n".join(
            f"| {self.draw(MEANS)}{number} | {self.random.randrange(1, 90)}件 |"
            for number in (1, 2, 3)
        )
        return f"| 内容 | 件数 |\n| --- | --- |\n{rows}"
