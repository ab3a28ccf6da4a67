"""How pages say what a part of them is: the words of class and id names, and the words that readers see."""

from __future__ import annotations

import re

BOILERPLATE = re.compile(
    r"(?:^|[\s_-])(?:related\w*|relate[ds]?|lien-?quan|tin-?lien-?quan|tinlienquan|"
    r"bai-?lien-?quan|\w*lienquan|tin-?khac|tinkhac|tin-?moi|tinmoi\w*|"
    r"cac-?tin\w*|"
    r"other-?news|othernews|newsother|"
    r"older\w*|newer\w*|more-?news|morenews|read-?more|readmore|xem-?them|xemthem|recommend\w*|suggest\w*|"
    r"goi-?y|share\w*|sharing|social\w*|like-?\w*box|face_?book\w*|fb-?\w*|zalo\w*|twitter\w*|addthis\w*|google-?plus|gplus|"
    r"comments?|comment-?\w*|\w*-?comment|binh-?luan\w*|binhluan\w*|y-?kien\w*|phan-?hoi\w*|phanhoi|disqus\w*|"
    r"tags?|tag-?\w*|\w*-tags?|keywords?|tu-?khoa\w*|tukhoa\w*|\w*hienthitags|"
    r"ads?|ads-?\w+|adv\w*|advert\w*|\w*banner\w*|quang-?cao\w*|quangcao\w*|qc|qc-\w+|sponsor\w*|promo\w*|"
    r"newsletter\w*|subscribe\w*|rating\w*|rate\w*|vote\w*|print\w*|breadcrumbs?|menu\w*|navbar|navigation|toolbar\w*|tool-?box|tools?|"
    r"pagination|paging|pager|hot-?news|most-?\w+|popular\w*|box-?tin\w*|box-?category\w*|list-?news\w*|listing\w*|sidebar\w*|"
    r"copyright|login\w*|popup\w*|modal\w*|hidden|audio\w*|player\w*|ratepoint\w*|goback|go-?back|"
    r"author-?box|author-?bio|article-?relate\w*|noi-dung-ph|type-?\d+-relate\w*|"
    r"vcsortableinpreviewmode-relate\w*|poll\w*|event-?box|su-?kien\w*|"
    r"theo-?dong\w*|chu-?de\w*|topic-?\w+|sub-?scribe|bookmark\w*|emailprint|article-?tools?|like-?\w+|btn\w*|button\w*|tooltip|"
    r"signature|message-?meta|likessummary|useresslastedit\w*|messagemeta|privatecontrols|publiccontrols|quotecontainer|"
    r"bbcodequote|attachedfiles|text-?size|font-?size|toc|table-of-contents|post-?views|entry-?meta|post-?meta|post-?nav\w*|"
    r"next-?prev|prev-?next|jp-relatedposts|sharedaddy|wp-?\w*-?rating|yarpp\w*|cta|donate|survey|qr-?code|relatedleadsubject)(?=$|[\s_-])"
)
"""Class and id words of parts that are not the article; matched on lower case with blanks, `-` and `_` as borders."""

CAPTION = re.compile(
    r"(?:^|[\s_-])(?:\w*caption\w*|chu-?thich\w*|chuthich\w*|img-?desc\w*|image-?desc\w*|photo-?desc\w*|"
    r"photocms\w*|img-?note|photo-?credit|"
    r"desc-?(?:img|image|photo)|note-?img|image|imgcaption|news-?image|expnoedit|img-?info|pic-?desc|photonote|text-?img|image-?note|"
    r"picture-?note|thumb-?desc|desc_?image|desc_cation|avatar-?desc|psaboxfooterimage|expedit|fig|photo__caption|"
    r"star-?name-?caption|cap-?img|(?:amp|img|image|photo|pic|anh|hinh)-?cap|plugin-?photo|vcsortableinpreviewmode|notebox-image|tplcaption)(?=$|[\s_-])"
)
LEAD_CUE = re.compile(
    r"(?:^|[\s_-])(?:\w*sapo\w*|\w*lead|lead-?\w*|\w*summary|tom-?tat\w*|tomtat\w*|trich|trich-?dan|intro|"
    r"intro-?text|teaser|phead|"
    r"description|desc|\w*-desc|short-?\w+|mo-?ta|gioi-?thieu|chapeau|standfirst|dek|\w*excerpt|txt-head|main-intro|"
    r"init_content|head-?noidung|\w*-head-noidung|quote-?lead)(?=$|[\s_-])"
)
AUTHOR_CUE = re.compile(
    r"(?:^|[\s_-])(?:p?author\w*|tac-?gia\w*|tacgia\w*|but-?danh|byline\w*|writer|p?source|nguon\w*|nguon-?tin\w*|article-?author|"
    r"news-?source|post-?author|user-?name|authors?-?name|credit\w*)(?=$|[\s_-])"
)
LEAD_IN = re.compile(
    r"^\W{0,4}(?:>>|»|›|xem thêm|xem tiếp|đọc thêm|đọc tiếp|tin liên quan|bài liên quan|bài viết liên quan|"
    r"tin bài liên quan|tin cùng chuyên mục|"
    r"các tin khác|tin khác|bài khác|có thể bạn quan tâm|có thể bạn chưa biết|bạn có thể quan tâm|"
    r"mời (?:quý )?(?:bạn|vị|độc giả|bạn đọc|khán giả)|"
    r"\*?\s*mời (?:quý|bạn|độc)|từ khóa|từ khoá|tags?\s*:|chia sẻ (?:bài|qua|lên)|chia sẻ\s*[:：]|click vào đây|bấm (?:vào|xem)|nhấn vào|"
    r"tải ứng dụng|gửi bình luận|ý kiến bạn đọc|copy link|bình luận\s*(?:$|\(|:)|quảng cáo\s*$|theo dòng sự kiện|tin nóng|tin mới|"
    r"đăng ký (?:theo dõi|nhận)|theo dõi chúng tôi|like fanpage|xem chi tiết|xem clip|xem video|mời xem|mời đọc|mời theo dõi|"
    r"cùng chủ đề|chủ đề\s*:|cùng chuyên mục|tin đọc nhiều|đọc nhiều|tin cũ hơn|tin mới hơn|bài cùng|quay lại|\[quay lại\]|về đầu trang|"
    r"in bài|gửi email|email\s*$|facebook\s*$|lượt xem|vui lòng (?:nhập|đăng nhập)|đánh giá bài|bạn đọc (?:có thể )?(?:gửi|phản hồi)|"
    r"mọi ý kiến|tin tức gần đây|bài tiếp theo|đừng bỏ lỡ|đăng ký (?:nhận|để)|thông tin bạn đọc|liên hệ quảng cáo|"
    r"hotline\s*:|bản quyền|© |đọc báo|tham khảo thêm|bài đọc nhiều|bài viết khác)",
    re.IGNORECASE,
)
"""How Vietnamese pages begin what is not the article. Short blocks only."""

INVITATION = re.compile(
    r"^\W{0,4}(?:mọi (?:ý kiến|thông tin|bài vở|thắc mắc|phản ánh|đóng góp|câu hỏi)|bạn đọc (?:có|quan tâm|muốn)|"
    r"(?:quý )?độc giả (?:có|quan tâm)|"
    r"bạn có (?:ý kiến|thông tin)|mời (?:các )?bạn|hãy (?:gửi|chia sẻ|bình luận)|theo dõi (?:fanpage|kênh)).{0,200}(?:gửi|email|điện thoại|"
    r"đường dây nóng|hotline|bình luận|địa chỉ|fanpage|kênh|tại đây)",
    re.IGNORECASE,
)
"""Invitations to write to the editors."""

IMPRINT = re.compile(
    r"cơ quan chủ quản|giấy phép (?:số|hoạt động|xuất bản|thiết lập)|chịu trách nhiệm (?:chính|nội dung|xuất bản)|"
    r"ghi rõ nguồn|bản quyền thuộc|liên hệ quảng cáo|©|®",
    re.IGNORECASE,
)
CONTACT = re.compile(r"điện thoại|địa chỉ|email|fax|hotline|trụ sở|tòa soạn|toà soạn|tổng biên tập|giấy phép|copyright", re.IGNORECASE)
"""What stands at the foot of every page of an outlet; one of each kind in a short block is the foot."""

CLOSING = re.compile(
    r"^\W{0,4}(?:tin liên quan|bài liên quan|bài viết liên quan|tin bài liên quan|tin cùng chuyên mục|các tin khác|tin khác|bài khác|"
    r"các bài khác|các tin đã đưa|tin đã đưa|ý kiến bạn đọc|bình luận|gửi (?:bình luận|ý kiến)|viết bình luận|phản hồi|có thể bạn quan tâm|"
    r"theo dòng sự kiện|tin mới nhất|tin đọc nhiều|đọc nhiều nhất|cùng chuyên mục|từ khóa|từ khoá|tags?\s*:?$|tin nổi bật|xem thêm|"
    r"tin mới hơn|tin cũ hơn|bài viết khác|chia sẻ bài|thảo luận|tin tức gần đây|tin gần đây|bài tiếp theo|bài kế tiếp|"
    r"tin kế tiếp|đừng bỏ lỡ|bài mới nhất|được quan tâm|tin cùng loại|các tin tiếp|tin tiếp theo)",
    re.IGNORECASE,
)
"""Headings after which only other things follow."""

COMMENT_HEADING = re.compile(r"^\W{0,4}(?:ý kiến|bình luận|\d+ bình luận|gửi|viết bình luận|phản hồi|thảo luận)", re.IGNORECASE)

ENDS_AS_SENTENCE = re.compile(r"[.!?…:;”\"')\]]\s*$")
PHOTO_END = re.compile(
    r"(?:[.,;:)]\s*|\s[-–]\s|\s\(|^\(?|\.\.\.\s*)(?:\(?\s*(?:ảnh|hình|photo|đồ họa|ảnh minh họa|nguồn ảnh|hình minh họa|video|clip)\s*"
    r"(?:[:：].{0,50}|minh họa.{0,30}|internet.{0,10}|chụp .{0,40})?|ảnh\s*[:：].{0,60})\)?\s*\.?$",
    re.IGNORECASE,
)
TEXT_CREDIT = re.compile(r"^\W*(?:tin|bài|bài và|theo|nguồn|thực hiện)\b.{0,20}\s*[:：]", re.IGNORECASE)
"""A byline that names the photographs too ("Tin, ảnh: …") is no caption."""

PAYWALL = re.compile(
    r"(?:đăng nhập|đăng ký(?: thành viên| tài khoản| gói)?|mua (?:gói|báo|quyền)|nâng cấp|trả phí|trở thành (?:thành viên|hội viên))"
    r"[^.!?\n]{0,60}\bđể\b[^.!?\n]{0,12}\b(?:đọc|xem)\b[^.!?\n]{0,40}(?:tiếp|toàn bộ|đầy đủ|hết|trọn|nội dung|bài)"
    r"|(?:bài viết|nội dung|bài báo)(?: này)?\s+(?:chỉ\s+)?(?:dành(?:\s+riêng)?\s+cho|thuộc)\s+[^.!?\n]{0,40}"
    r"(?:trả phí|thu phí|thuê bao|thành viên|hội viên|premium|vip|đăng ký)"
    r"|(?:đã (?:đọc )?hết|còn)\s+[^.!?\n]{0,20}(?:lượt đọc|bài(?: viết)?) miễn phí|(?:subscribe|sign in|log in) to (?:continue|read)",
    re.IGNORECASE,
)
"""How Vietnamese pages ask for a subscription."""
