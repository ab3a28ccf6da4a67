"""What the models must beat: the most frequent label, lists of telling words, and plain TF-IDF."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS, LabelledHeadline
from nlp.models.measures import Decided, best_threshold, label_columns, targets
from nlp.models.model import OUTPUTS
from nlp.models.ngrams import Floats
from nlp.models.splits import outlet_folds

Fitted = Callable[[Sequence[LabelledHeadline]], Decided]
Method = Callable[[Sequence[LabelledHeadline]], Fitted]

NEGATIVE = (
    "chết tử_vong thiệt_mạng bị_thương tai_nạn cháy nổ bắt_giữ bắt_giam khởi_tố truy_tố truy_nã lừa_đảo tham_ô nhận_hối_lộ sai_phạm "
    "vi_phạm kỷ_luật cách_chức xử_phạt tố_cáo khiếu_nại bức_xúc phản_đối ô_nhiễm sạt_lở lũ_quét ngập thiệt_hại dịch ca_nhiễm ca_mắc "
    "giết đâm cướp trộm ma_túy hiếp_dâm bạo_hành đánh_đập giảm_mạnh lao_dốc thua_lỗ phá_sản thất_nghiệp khủng_hoảng cảnh_báo nguy_cơ "
    "chậm_tiến_độ bê_bối scandal thảm_họa khủng_bố mất_tích đổ_sập"
)
POSITIVE = (
    "khen_thưởng trao_tặng tặng_quà hỗ_trợ vinh_danh giải_thưởng đoạt_giải huy_chương chiến_thắng vô_địch thành_công kỷ_lục tăng_trưởng "
    "khởi_sắc phục_hồi khỏi_bệnh xuất_viện khánh_thành từ_thiện nghĩa_tình tri_ân hạnh_phúc tự_hào xuất_sắc ấn_tượng đạt_chuẩn "
    "vượt_kế_hoạch cứu_sống thủ_khoa tấm_lòng chung_tay thắng tiến_bộ hiệu_quả"
)
FAULT = (
    "khởi_tố bắt_giam sai_phạm vi_phạm kỷ_luật cách_chức tố bức_xúc tham_ô nhận_hối_lộ lừa_đảo kiểm_điểm buông_lỏng xử_phạt bị_phạt "
    "trách_nhiệm bê_bối gian_lận khiếu_nại chậm_tiến_độ đình_chỉ"
)
AUTHORITY = (
    "cán_bộ chủ_tịch phó_chủ_tịch bí_thư giám_đốc_sở sở ubnd xã phường huyện bộ cục chi_cục thanh_tra công_an csgt kiểm_lâm hiệu_trưởng "
    "bệnh_viện trường chính_quyền cơ_quan_chức_năng"
)
OF_TOPIC = {
    "security": "công_an khởi_tố bắt_giữ tòa_án cướp giết ma_túy quân_đội cảnh_sát lừa_đảo",
    "traffic": "giao_thông tai_nạn xe_khách cao_tốc csgt tài_xế đường_sắt sân_bay ùn_tắc",
    "digital": "chuyển_đổi_số an_ninh_mạng viễn_thông internet 5g dữ_liệu báo_chí mạng_xã_hội",
    "environment": "môi_trường ô_nhiễm bão mưa_lũ sạt_lở thời_tiết rác_thải nắng_nóng không_khí_lạnh",
    "trade": "xuất_khẩu nhập_khẩu xăng_dầu hàng_hóa công_nghiệp điện thị_trường siêu_thị doanh_nghiệp",
    "culture": "văn_hóa lễ_hội di_tích du_lịch bảo_tàng nghệ_thuật di_sản",
    "sport": "bóng_đá cầu_thủ hlv trận v-league u23 huy_chương đội_tuyển vô_địch",
    "politics": "quốc_hội thủ_tướng bộ_trưởng bí_thư đại_biểu hđnd ngoại_giao bổ_nhiệm đảng",
    "health": "bệnh_viện bác_sĩ bệnh covid-19 vắc_xin vaccine y_tế dịch thực_phẩm sức_khỏe",
    "education": "học_sinh sinh_viên trường thi đại_học giáo_viên giáo_dục tuyển_sinh",
    "agriculture": "nông_dân nông_nghiệp lúa thủy_sản chăn_nuôi nông_thôn_mới cá tôm nông_sản",
    "urban": "quy_hoạch bất_động_sản chung_cư dự_án đô_thị xây_dựng nhà_ở",
    "finance": "ngân_hàng chứng_khoán cổ_phiếu thuế vàng usd lãi_suất ngân_sách đầu_tư",
    "social": "lao_động từ_thiện hộ_nghèo gia_đình người_dân bảo_hiểm_xã_hội việc_làm",
    "world": "mỹ trung_quốc nga triều_tiên tổng_thống trump ukraine nhật_bản châu_âu",
    "lifestyle": "sao ca_sĩ hoa_hậu diễn_viên iphone smartphone làm_đẹp món showbiz cung_hoàng_đạo",
    "science": "khoa_học nhà_khoa_học nghiên_cứu nasa vũ_trụ công_nghệ_sinh_học",
}


def majority(headlines: Sequence[LabelledHeadline]) -> Fitted:
    """Every headline gets the most frequent label and topic, with the shares as probabilities."""
    shares = targets(headlines).mean(axis=0)
    topics = np.arange(len(TOPICS)) == shares[: len(TOPICS)].argmax()
    sentiment, critical_of = (int(shares[columns].argmax()) for columns in label_columns())

    def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
        many = len(unseen)
        return Decided(np.tile(shares, (many, 1)), np.tile(topics, (many, 1)), np.full(many, sentiment), np.full(many, critical_of))

    return decide


def lexicon(headlines: Sequence[LabelledHeadline]) -> Fitted:
    """Lists of words written by hand, without a look at any label: nothing is fitted. Counts stand in for probabilities."""
    bad, good, fault, authority = map(_pattern, (NEGATIVE, POSITIVE, FAULT, AUTHORITY))
    about = [_pattern(OF_TOPIC[code]) for code in TOPICS]

    def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
        scores = np.zeros((len(unseen), OUTPUTS), np.float32)
        sentiment_columns, critical_columns = label_columns()
        for row, item in zip(scores, unseen, strict=True):
            text = unicodedata.normalize("NFC", f"{item.title} {item.lead}").lower()
            found = [len(pattern.findall(text)) for pattern in about]
            row[: len(TOPICS)] = [count / (count + 1) for count in found]
            harm, praise, blame = len(bad.findall(text)), len(good.findall(text)), len(fault.findall(text))
            odds = {"negative": harm - praise, "positive": praise - harm, "neutral": 0.5 - abs(harm - praise)}
            row[sentiment_columns] = _shares([odds[label] for label in SENTIMENTS])
            office = len(authority.findall(text))
            blamed = {"none": 0.5, "authority": min(blame, office), "organisation": float(blame if not office else 0)}
            row[critical_columns] = _shares([blamed[label] for label in CRITICAL_OF])
        labels = [scores[:, columns].argmax(axis=1) for columns in label_columns()]
        return Decided(scores, scores[:, : len(TOPICS)] > 0, labels[0], labels[1])

    return decide


def plain(headlines: Sequence[LabelledHeadline]) -> Fitted:
    """TF-IDF of words 1-3 and letters 2-5 of title and lead, balanced logistic regression.

    The topic threshold is chosen for micro-F1 on a third of the training outlets, after a fit to the others.
    """
    held_out = outlet_folds(headlines, 3) == 0
    fitted, chosen_on = ([item for item, out in zip(headlines, held_out, strict=True) if out == wanted] for wanted in (False, True))
    threshold = best_threshold(_plain_scores(fitted)(chosen_on)[:, : len(TOPICS)], targets(chosen_on)[:, : len(TOPICS)])
    score = _plain_scores(headlines)

    def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
        scores = score(unseen)
        sentiment, critical_of = (scores[:, columns].argmax(axis=1) for columns in label_columns())
        return Decided(scores, scores[:, : len(TOPICS)] >= threshold, sentiment, critical_of)

    return decide


def _plain_scores(headlines: Sequence[LabelledHeadline]) -> Callable[[Sequence[LabelledHeadline]], Floats]:
    vectors = make_union(
        TfidfVectorizer(ngram_range=(1, 3), min_df=2, sublinear_tf=True, dtype=np.float32),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, dtype=np.float32),
    )
    features = vectors.fit_transform([f"{item.title} {item.lead}" for item in headlines])
    truth = targets(headlines)
    fits = [
        LogisticRegression(C=2, class_weight="balanced", solver="liblinear", tol=1e-2).fit(features, truth[:, output])
        if 0 < truth[:, output].sum() < len(truth)
        else None
        for output in range(OUTPUTS)
    ]

    def score(unseen: Sequence[LabelledHeadline]) -> Floats:
        table = vectors.transform([f"{item.title} {item.lead}" for item in unseen])
        scores = np.array([np.zeros(len(unseen)) if fit is None else fit.predict_proba(table)[:, 1] for fit in fits], np.float32).T
        for columns in label_columns():
            scores[:, columns] /= np.maximum(scores[:, columns].sum(axis=1, keepdims=True), 1e-9)
        return scores

    return score


def _pattern(listed: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word.replace('_', ' ')) for word in listed.split())})(?!\w)")


def _shares(odds: Sequence[float]) -> Floats:
    powers = np.exp(np.asarray(odds, np.float32))
    return np.asarray(powers / powers.sum(), np.float32)


BASELINES: dict[str, Method] = {"majority": majority, "lexicon": lexicon, "plain TF-IDF": plain}
"""The baselines by name."""
